//! Calls that are reached from other threads.

use std::thread;

use crate::Runner;
use crate::cases::{NOTHING, call, ends};
use crate::frames::{HANGUP, audio};
use crate::test_server::TestServer;

cases! {
    on every runner:
    a_quiet_call_is_hung_up
    a_call_is_hung_up_after_audio
    a_call_hangs_itself_up
    a_call_is_hung_up_twice
    a_call_is_hung_up_after_its_end
    other_calls_go_on
}

/// A quiet call is hung up from another thread.
fn a_quiet_call_is_hung_up(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("echo");
    connection.wait_for("start");
    let handle = connection.handle();
    thread::spawn(move || handle.hangup()).join().unwrap();
    connection.expect_hangup();
    connection.close();
    connection.transcript(&call("echo", &NOTHING, "hung up by this side"));
}

/// A call that has been talking, and many times in a row, for what is lost only sometimes.
fn a_call_is_hung_up_after_audio(runner: &Runner) {
    let server = TestServer::new(runner);
    for _ in 0..50 {
        let mut connection = server.call("echo");
        connection.send(&audio(b"hello"));
        connection.expect(&audio(b"hello"));
        connection.handle().hangup();
        connection.expect_hangup();
        connection.close();
        let records = ["audio slin \"hello\""];
        connection.transcript(&call("echo", &records, "hung up by this side"));
    }
}

/// A callback that uses the handle: its answer is sent first.
fn a_call_hangs_itself_up(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("echo");
    connection.send(&audio(b"handle"));
    connection.expect(&[&audio(b"handle")[..], &HANGUP].concat());
    connection.expect_end();
    connection.close();
    let records = ["audio slin \"handle\""];
    connection.transcript(&call("echo", &records, "hung up by this side"));
}

/// Hanging up twice, at once and after the end, does nothing more.
fn a_call_is_hung_up_twice(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("echo");
    connection.wait_for("start");
    let threads: Vec<_> = (0..2)
        .map(|_| connection.handle())
        .map(|handle| thread::spawn(move || handle.hangup()))
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    connection.expect_hangup();
    connection.handle().hangup();
    connection.close();
    connection.transcript(&call("echo", &NOTHING, "hung up by this side"));
    connection.handle().hangup();
}

/// Hanging up a call that the peer has ended does nothing.
fn a_call_is_hung_up_after_its_end(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("echo");
    connection.send(&HANGUP);
    connection.expect_end();
    connection.handle().hangup();
    connection.close();
    connection.transcript(&call("echo", &NOTHING, "hung up by the peer"));
}

/// One call is hung up, and not its neighbour.
fn other_calls_go_on(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut other = server.call("echo");
    let mut connection = server.call("echo");
    connection.wait_for("start");
    connection.handle().hangup();
    connection.expect_hangup();
    connection.close();
    connection.transcript(&call("echo", &NOTHING, "hung up by this side"));
    other.send(&audio(b"well"));
    other.expect(&audio(b"well"));
    other.close();
    other.transcript(&call(
        "echo",
        &["audio slin \"well\""],
        "closed by the peer",
    ));
    ends(
        &server,
        "echo",
        &HANGUP,
        b"",
        &NOTHING,
        "hung up by the peer",
    );
}
