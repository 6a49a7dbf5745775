//! One call on each executor. The server needs no executor of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use audiosocket_smol::config::SessionConfig;
use audiosocket_smol::{Callbacks, Server, ServerHandle};

#[test]
fn smol_block_on() {
    a_call_is_served(smol::block_on);
}

#[test]
fn a_task_of_smol() {
    a_call_is_served(|serving| smol::block_on(smol::spawn(serving)));
}

#[test]
fn a_local_executor() {
    a_call_is_served(|serving| {
        let executor = smol::LocalExecutor::new();
        let task = executor.spawn(serving);
        smol::block_on(executor.run(task))
    });
}

/// This `block_on` does not drive the reactor of `async-io`. A thread of `async-io` does it.
#[test]
fn a_block_on_without_a_reactor() {
    a_call_is_served(futures_lite::future::block_on);
}

#[test]
fn async_std_block_on() {
    a_call_is_served(async_std::task::block_on);
}

#[test]
fn a_task_of_async_std() {
    a_call_is_served(|serving| async_std::task::block_on(async_std::task::spawn(serving)));
}

type ServeForever = std::pin::Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

fn a_call_is_served(run: impl FnOnce(ServeForever) -> io::Result<()>) {
    let echo = Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {});
    // Otherwise silence could come before a late echo.
    let session = SessionConfig::new().fill_silence(false);
    let builder = Server::builder().bind("127.0.0.1:0").session(session);
    let server = futures_lite::future::block_on(builder.start(echo)).unwrap();
    let (addr, handle) = (server.local_addrs()[0], server.handle());
    let caller = thread::spawn(move || call(addr, &handle));
    run(Box::pin(server.serve_forever())).unwrap();
    caller.join().unwrap();
}

/// Checks the echo, and shuts the server down during the call.
fn call(addr: SocketAddr, server: &ServerHandle) {
    let mut call = TcpStream::connect(addr).unwrap();
    call.set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    call.write_all(b"\x01\x00\x10sixteen bytes !!").unwrap();
    for _ in 0..50 {
        call.write_all(b"\x10\x00\x02\x34\x12").unwrap();
        let mut echo = [0; 5];
        call.read_exact(&mut echo).unwrap();
        assert_eq!(echo, *b"\x10\x00\x02\x34\x12");
    }
    server.shutdown(Duration::ZERO);
    let mut rest = Vec::new();
    call.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, [0, 0, 0], "a hangup");
}
