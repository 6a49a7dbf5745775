//! What `audiosocket serve` does with memory that it does not need any more.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::crowd::raise_descriptors;
use crate::process::{ServeProcess, call};
use crate::serve::memory::status;

on_every_runtime! {
    what_a_crowd_took_is_given_back,
}

/// Also by a server that has nothing to do any more, and so asks the allocator for nothing.
fn what_a_crowd_took_is_given_back(runtime: &str) {
    /// All but the end of a frame that is as long as can be, which is kept until the rest has come.
    static FRAME: [u8; 65_000] = {
        let mut frame = [0; 65_000];
        (frame[0], frame[1], frame[2]) = (0x10, 0xff, 0xff);
        frame
    };
    raise_descriptors();
    let server = ServeProcess::start_on(runtime, 1, &[]);
    assert_eq!(call(server.addr(), &["--duration", "100ms"]).code, 0);
    let before = resident(&server);
    let crowd: Vec<_> = (0..400_u128)
        .map(|number| {
            let mut stream = TcpStream::connect(server.addr()).unwrap();
            stream.write_all(&[1, 0, 16]).unwrap();
            stream.write_all(&number.to_be_bytes()).unwrap();
            stream.write_all(&FRAME).unwrap();
            stream
        })
        .collect();
    let most = before + 400 * 60_000;
    wait_until("they have taken it", || resident(&server) >= most);
    drop(crowd);
    let rest = before + (most - before) / 4;
    wait_until("it is given back", || resident(&server) <= rest);
    server.terminate();
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "waited until {what}"
        );
        thread::sleep(Duration::from_millis(100));
    }
}

fn resident(server: &ServeProcess) -> u64 {
    status(server, "VmRSS:")
}
