//! A running server, and the bytes of its callers.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use audiosocket_testing::transcript::Transcript;
use audiosocket_tokio::{Server, ServerBuilder, ServerHandle};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::support::{next, no_silence, recorded, uuid_frame};

/// A server in a task of its own, with its transcript.
pub(crate) struct Running {
    pub(crate) addr: SocketAddr,
    pub(crate) handle: ServerHandle,
    pub(crate) transcript: Transcript,
    pub(crate) task: JoinHandle<io::Result<()>>,
}

impl Running {
    pub(crate) async fn start() -> Self {
        let builder = Server::builder().bind("127.0.0.1:0");
        Self::start_with(builder.session(no_silence())).await
    }

    pub(crate) async fn start_with(builder: ServerBuilder) -> Self {
        let (acceptor, transcript) = recorded();
        let server = builder.start(acceptor).await.unwrap();
        let addr = server.local_addrs()[0];
        let handle = server.handle();
        Self {
            addr,
            handle,
            transcript,
            task: tokio::spawn(server.serve_forever()),
        }
    }

    pub(crate) async fn call(&self, uuid: u128) -> TcpStream {
        let mut call = TcpStream::connect(self.addr).await.unwrap();
        call.write_all(&uuid_frame(uuid)).await.unwrap();
        call
    }

    pub(crate) async fn expect(&mut self, lines: &[&str]) {
        for line in lines {
            assert_eq!(next(&self.transcript).await, *line);
        }
    }

    pub(crate) async fn calls(&self, count: usize) {
        while self.handle.calls().len() != count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) async fn no_calls_left(&self) {
        self.handle.calls().idle().await;
    }

    pub(crate) async fn no_listener_left(&self) {
        while TcpStream::connect(self.addr).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

pub(crate) fn blocking_call(addr: SocketAddr) -> std::net::TcpStream {
    let mut call = std::net::TcpStream::connect(addr).unwrap();
    call.write_all(&uuid_frame(7)).unwrap();
    call
}

pub(crate) fn blocking_read_to_end(mut stream: std::net::TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

pub(crate) async fn read(stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// Reads the next frame other than silence.
pub(crate) async fn read_sound(stream: &mut TcpStream) -> Vec<u8> {
    loop {
        let mut frame = read(stream, 3).await;
        let len = usize::from(u16::from_be_bytes([frame[1], frame[2]]));
        frame.extend(read(stream, len).await);
        if frame[3..].iter().any(|byte| *byte != 0) {
            return frame;
        }
    }
}

pub(crate) async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    bytes
}
