//! Audio that comes in parts.

use std::time::Duration;

use audiosocket_proto::SampleRate;

use crate::frames::{audio, played, speech};
use crate::test_server::TestServer;

cases! {
    on every runner:
    audio_in_parts_waits_until_enough_is_queued
    the_end_of_the_parts_lets_the_rest_leave
}

const RATE: SampleRate = SampleRate::Hz8000;
const AMOUNT: Duration = Duration::from_millis(100);

fn audio_in_parts_waits_until_enough_is_queued(server: &TestServer) {
    let mut connection = server.started("echo");
    let handle = connection.handle();
    let _parts = handle.prebuffer(AMOUNT);
    handle.try_play((RATE, speech(4 * 320))).unwrap();
    connection.echoes(b"alive");
    handle.try_play((RATE, vec![0x66; 320])).unwrap();
    connection.expect(&played(0x10, &speech(4 * 320)));
    connection.expect(&audio(&[0x66; 320]));
    connection.closes(&["audio slin \"alive\""]);
}

/// The second prebuffer replaces the first one, whose end then has no effect.
fn the_end_of_the_parts_lets_the_rest_leave(server: &TestServer) {
    let mut connection = server.started("echo");
    let handle = connection.handle();
    let first = handle.prebuffer(AMOUNT);
    let second = handle.prebuffer(AMOUNT);
    handle.try_play((RATE, speech(400))).unwrap();
    drop(first);
    connection.echoes(b"alive");
    drop(second);
    connection.expect(&played(0x10, &speech(400)));
    handle.try_play((RATE, speech(2))).unwrap();
    connection.expect(&played(0x10, &speech(2)));
    connection.closes(&["audio slin \"alive\""]);
}
