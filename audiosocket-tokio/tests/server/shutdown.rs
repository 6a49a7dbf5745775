//! The shutdown of a server.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use audiosocket_tokio::Server;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::HANGUP;
use super::running::{Running, blocking_call, blocking_read_to_end, read, read_to_end};
use super::support::{audio_frame, no_silence, recorded};

on_both_runtimes! {
    shutdown_waits_for_calls_to_end,
    shutdown_hangs_up_the_rest_after_the_grace,
    a_second_shutdown_can_shorten_the_grace,
    shutdown_of_an_idle_server_is_immediate_and_final,
    calls_that_wait_to_be_accepted_at_shutdown_get_a_hangup,
    a_call_that_was_just_accepted_at_shutdown_gets_a_hangup,
    an_endless_linger_does_not_delay_an_idle_server,
    dropping_the_server_ends_its_calls,
}

async fn shutdown_waits_for_calls_to_end() {
    let mut server = Running::start().await;
    let mut call = server.call(7).await;
    server.expect(&["7 start"]).await;
    server.handle.shutdown(Duration::from_secs(3600));
    server.no_listener_left().await;

    call.write_all(&audio_frame(b"still here")).await.unwrap();
    assert_eq!(read(&mut call, 13).await, audio_frame(b"still here"));
    assert!(!server.task.is_finished());
    drop(call);
    server.task.await.unwrap().unwrap();
}

async fn shutdown_hangs_up_the_rest_after_the_grace() {
    let mut server = Running::start().await;
    let mut talking = server.call(7).await;
    server.expect(&["7 start"]).await;
    let mut silent = TcpStream::connect(server.addr).await.unwrap();
    server.calls(2).await;
    server.handle.shutdown(Duration::ZERO);
    assert_eq!(read_to_end(&mut talking).await, HANGUP);
    assert_eq!(read_to_end(&mut silent).await, HANGUP);
    drop((talking, silent));
    server
        .expect(&["7 shutdown", "7 end: hung up by shutdown"])
        .await;
    server.task.await.unwrap().unwrap();
}

async fn a_second_shutdown_can_shorten_the_grace() {
    let mut server = Running::start().await;
    let mut call = server.call(7).await;
    server.expect(&["7 start"]).await;
    server.handle.shutdown(Duration::MAX);
    server.no_listener_left().await;
    server.handle.shutdown(Duration::ZERO);
    assert_eq!(read_to_end(&mut call).await, HANGUP);
    drop(call);
    server.task.await.unwrap().unwrap();
}

async fn shutdown_of_an_idle_server_is_immediate_and_final() {
    let server = Running::start().await;
    server.handle.shutdown(Duration::from_secs(3600));
    server.task.await.unwrap().unwrap();
    let error = TcpStream::connect(server.addr).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

/// Asterisk has started these calls already.
async fn calls_that_wait_to_be_accepted_at_shutdown_get_a_hangup() {
    let server = Running::start().await;
    // Blocking, so that the server does not run on the current-thread runtime.
    let calls: Vec<_> = (0..50).map(|_| blocking_call(server.addr)).collect();
    server.handle.shutdown(Duration::from_millis(100));
    server.task.await.unwrap().unwrap();
    for call in calls {
        assert_eq!(blocking_read_to_end(call), HANGUP);
    }
}

async fn a_call_that_was_just_accepted_at_shutdown_gets_a_hangup() {
    let (acceptor, _transcript) = recorded();
    let builder = Server::builder().bind("127.0.0.1:0").session(no_silence());
    let server = builder.start(acceptor).await.unwrap();
    let handle = server.handle();
    let call = blocking_call(server.local_addrs()[0]);
    let mut serving = pin!(server.serve_forever());
    // The server accepts the call and spawns its task, which has not run yet.
    assert!(
        poll_fn(|cx| Poll::Ready(serving.as_mut().poll(cx)))
            .await
            .is_pending()
    );
    handle.shutdown(Duration::from_millis(100));
    serving.await.unwrap();
    assert_eq!(blocking_read_to_end(call), HANGUP);
}

async fn an_endless_linger_does_not_delay_an_idle_server() {
    let session = no_silence().linger(Duration::MAX);
    let builder = Server::builder().bind("127.0.0.1:0").session(session);
    let server = Running::start_with(builder).await;
    server.handle.shutdown(Duration::ZERO);
    server.task.await.unwrap().unwrap();
}

async fn dropping_the_server_ends_its_calls() {
    let mut server = Running::start().await;
    let mut call = server.call(7).await;
    server.expect(&["7 start"]).await;
    server.task.abort();
    server.expect(&["7 end: abandoned"]).await;
    assert_eq!(read_to_end(&mut call).await, []);
}
