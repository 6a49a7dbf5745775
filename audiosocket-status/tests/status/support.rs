//! A server, a caller and an HTTP client.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use audiosocket_status::StatusServer;
use audiosocket_tokio::config::SessionConfig;
use audiosocket_tokio::{Acceptor, Callbacks, Server, ServerBuilder, ServerHandle};
use serde_json::Value;
use ureq::Agent;

/// Only a failing test waits this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const UUID: [u8; 16] = *b"sixteen bytes ok";
pub(crate) const UUID_TEXT: &str = "73697874-6565-6e20-6279-746573206f6b";

/// A server on tokio with its status server.
pub(crate) struct TestServer {
    pub(crate) addr: SocketAddr,
    pub(crate) handle: ServerHandle,
    pub(crate) status: StatusServer,
    /// Ends the calls when it is dropped.
    _runtime: tokio::runtime::Runtime,
}

impl TestServer {
    pub(crate) fn start<A: Acceptor>(
        acceptor: A,
        configure: impl FnOnce(ServerBuilder) -> ServerBuilder,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let session = SessionConfig::new().fill_silence(false);
        let builder = Server::builder().bind("127.0.0.1:0").session(session);
        let server = runtime
            .block_on(configure(builder).start(acceptor))
            .unwrap();
        let (addr, handle) = (server.local_addrs()[0], server.handle());
        runtime.spawn(server.serve_forever());
        let status = StatusServer::start(":0", handle.clone()).unwrap();
        Self {
            addr,
            handle,
            status,
            _runtime: runtime,
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        get(self.status.local_addr(), path)
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

/// Asks with `ureq`, which shares no code with the server.
pub(crate) fn get(addr: SocketAddr, path: &str) -> Answer {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE));
    let agent = Agent::from(config.build());
    let mut answer = agent.get(format!("http://{addr}{path}")).call().unwrap();
    let content_type = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    Answer {
        status: answer.status().as_u16(),
        content_type,
        body: answer.body_mut().read_to_string().unwrap(),
    }
}

/// Asks again until the answer is as expected. An answer is kept for a while.
#[track_caller]
pub(crate) fn wait_for<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let start = std::time::Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "the answer is not as expected");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A call that sends its UUID.
pub(crate) fn call(addr: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    send(&mut stream, 0x01, &UUID);
    stream
}

pub(crate) fn send(stream: &mut TcpStream, kind: u8, payload: &[u8]) {
    let mut bytes = vec![kind];
    bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    bytes.extend(payload);
    stream.write_all(&bytes).unwrap();
}

/// Sends a frame of audio, and waits for its echo.
pub(crate) fn echo(stream: &mut TcpStream) {
    send(stream, 0x10, &[7; 320]);
    let mut frame = [0; 323];
    stream.read_exact(&mut frame).unwrap();
    assert_eq!(frame[..4], [0x10, 1, 64, 7]);
}

pub(crate) fn echo_server() -> TestServer {
    let echo = Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {});
    TestServer::start(echo, |builder| builder)
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
