//! Handles that hang up calls, from other threads too.

use std::thread;

use crate::cases::{NOTHING, OURS, PEER_HUNG_UP};
use crate::frames::{HANGUP, audio};
use crate::test_server::TestServer;

cases! {
    on every runner:
    a_handle_hangs_up_a_quiet_call
    a_handle_hangs_up_a_call_with_audio
    a_callback_can_hang_up_by_its_handle_after_an_answer
    a_second_hangup_has_no_effect
    a_hangup_after_the_end_has_no_effect
    a_hangup_ends_one_call_only
}

/// The handle is on another thread.
fn a_handle_hangs_up_a_quiet_call(server: &TestServer) {
    let mut connection = server.started("echo");
    let handle = connection.handle();
    thread::spawn(move || handle.hangup()).join().unwrap();
    connection.hung_up(&NOTHING, OURS);
}

/// The case runs fifty calls, to find a race.
fn a_handle_hangs_up_a_call_with_audio(server: &TestServer) {
    for _ in 0..50 {
        let mut connection = server.call("echo");
        connection.echoes(b"hello");
        connection.handle().hangup();
        connection.hung_up(&["audio slin \"hello\""], OURS);
    }
}

fn a_callback_can_hang_up_by_its_handle_after_an_answer(server: &TestServer) {
    let mut connection = server.call("echo");
    connection.send(&audio(b"handle"));
    connection.expect(&[&audio(b"handle")[..], &HANGUP].concat());
    connection.expect_end();
    connection.close();
    connection.check(&["audio slin \"handle\""], OURS);
}

/// Two handles hang up at the same time. Handles hang up again after that.
fn a_second_hangup_has_no_effect(server: &TestServer) {
    let mut connection = server.started("echo");
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
    connection.check(&NOTHING, OURS);
    connection.handle().hangup();
}

/// The peer ended the call before the hangup.
fn a_hangup_after_the_end_has_no_effect(server: &TestServer) {
    let mut connection = server.call("echo");
    connection.send(&HANGUP);
    connection.expect_end();
    connection.handle().hangup();
    connection.close();
    connection.check(&NOTHING, PEER_HUNG_UP);
}

fn a_hangup_ends_one_call_only(server: &TestServer) {
    let mut other = server.call("echo");
    let mut connection = server.started("echo");
    connection.handle().hangup();
    connection.hung_up(&NOTHING, OURS);
    other.echoes(b"well");
    other.closes(&["audio slin \"well\""]);
    server.ends("echo", &HANGUP, b"", &NOTHING, PEER_HUNG_UP);
}
