//! `pause` and `resume`. `cuts` checks the times.

use std::thread;
use std::time::Duration;

use audiosocket_proto::SampleRate;

use crate::frames::{audio, played, speech};
use crate::test_server::TestServer;

cases! {
    on every runner:
    a_handle_pauses_and_resumes_from_another_thread
    a_callback_can_pause_and_resume
    a_paused_playout_can_be_cleared
}

const RATE: SampleRate = SampleRate::Hz8000;

/// Nothing leaves in the pause, and nothing is lost. The counted samples are those that were received.
fn a_handle_pauses_and_resumes_from_another_thread(server: &TestServer) {
    let mut connection = server.started("echo");
    let handle = connection.handle();
    let all = played(0x10, &speech(320 * 50));
    handle.try_play((RATE, speech(320 * 50))).unwrap();
    connection.expect(&all[..3 * 323]);
    let pauser = handle.clone();
    thread::spawn(move || pauser.pause()).join().unwrap();
    connection.send(&audio(b"alive"));
    let mut received = 3;
    let mut frame = connection.frame();
    while frame != audio(b"alive") {
        assert_eq!(frame, all[received * 323..][..323]);
        received += 1;
        frame = connection.frame();
    }
    let stats = handle.stats().playout;
    assert_eq!(stats.samples_played, 160 * received as u64);
    assert_eq!(
        stats.depth,
        Duration::from_millis(20) * (50 - received as u32)
    );
    handle.resume();
    connection.expect(&all[received * 323..]);
    assert_eq!(handle.stats().playout.underruns, 0);
    connection.closes(&["audio slin \"alive\""]);
}

/// Marks wait for the end of the pause too.
fn a_callback_can_pause_and_resume(server: &TestServer) {
    let mut connection = server.call("echo");
    connection.send(&[audio(b"pause"), audio(b"play 700"), audio(b"mark 1")].concat());
    connection.echoes(b"alive");
    connection.send(&audio(b"resume"));
    connection.expect(&played(0x10, &speech(700)));
    connection.wait_for("mark 1: Played");
    let records = [
        "audio slin \"pause\"",
        "audio slin \"play 700\"",
        "audio slin \"mark 1\"",
        "audio slin \"alive\"",
        "audio slin \"resume\"",
        "mark 1: Played",
    ];
    connection.closes(&records);
}

/// The clear ends the pause. No call of `resume` is necessary.
fn a_paused_playout_can_be_cleared(server: &TestServer) {
    let mut connection = server.call("echo");
    connection.send(&[audio(b"pause"), audio(b"play 700"), audio(b"clear")].concat());
    connection.wait_for("350 samples cleared");
    connection.send(&audio(b"play 320"));
    connection.expect(&played(0x10, &speech(320)));
    let records = [
        "audio slin \"pause\"",
        "audio slin \"play 700\"",
        "audio slin \"clear\"",
        "350 samples cleared",
        "audio slin \"play 320\"",
    ];
    connection.closes(&records);
}
