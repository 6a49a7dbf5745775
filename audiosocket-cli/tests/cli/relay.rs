//! A proxy that sends a header before the bytes of its client.

use std::io::{self, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

/// Starts the proxy in front of `server`, and returns its address.
pub(crate) fn start(server: SocketAddr, header: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            let mut upstream = TcpStream::connect(server).unwrap();
            upstream.write_all(header).unwrap();
            pass(client.try_clone().unwrap(), upstream.try_clone().unwrap());
            pass(upstream, client);
        }
    });
    addr
}

/// Copies bytes in one direction until the end.
fn pass(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}
