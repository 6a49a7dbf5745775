//! Audio that was dropped before its handler got it.

use audiosocket_proto::Transmit;
use audiosocket_server::Lag;

use crate::call::{HANGUP, uuid_frame};
use crate::recorder::{ACCEPT, RecordingAcceptor, TestConnection};
use crate::wire::frame;

const LAGGED: &str = "exception Lagged(Lag { frames: 2, bytes: 8 })";

#[test]
fn lag_is_reported_before_the_audio_after_the_gap() {
    let desk = RecordingAcceptor::new();
    let transcript = desk.transcript.clone();
    let mut line = TestConnection::talking(desk);
    transcript.take();
    line.driver.handle_lag(line.now, lag());
    line.receive(&frame(0x10, &[1, 2]));
    assert_eq!(transcript.take(), [LAGGED, "audio slin 2"]);
    let times = line.driver.handle().times();
    assert_eq!(times.lagged_frames, 2, "the diagnosis has it");
    assert!(times.lagged_since.is_some());
}

#[test]
fn lag_has_the_number_of_frames_and_bytes() {
    assert_eq!(
        lag().to_string(),
        "the handler is too slow: 2 frames of audio (8 bytes) were dropped; \
         do slow work outside of the callbacks"
    );
}

#[test]
fn lag_without_a_call_is_not_reported() {
    let desk = RecordingAcceptor::new();
    let transcript = desk.transcript.clone();
    let mut line = TestConnection::new(desk);
    line.driver.handle_lag(line.now, lag());
    assert_eq!(transcript.take(), [""; 0]);
    line.receive(&uuid_frame());
    assert_eq!(transcript.take(), [ACCEPT, "start"]);
    line.receive(&HANGUP);
    assert_eq!(transcript.take(), ["end HangupReceived", "drop"]);
    line.driver.handle_lag(line.now, lag());
    line.expect_close();
    line.driver.handle_lag(line.now, lag());
    assert_eq!(transcript.take(), [""; 0]);
}

#[test]
fn a_panic_at_a_lag_ends_the_call() {
    let desk = RecordingAcceptor::panicking_in(&["on_exception"]);
    let transcript = desk.transcript.clone();
    let mut line = TestConnection::talking(desk);
    transcript.take();
    line.driver.handle_lag(line.now, lag());
    let panicked = r#"exception HandlerPanicked("in on_exception")"#;
    assert_eq!(
        transcript.take(),
        [LAGGED, panicked, "end HandlerPanicked", "drop"]
    );
    assert_eq!(line.transmit(), Transmit::Bytes(&HANGUP));
    line.receive(&frame(0x10, &[1, 2]));
    line.expect_close();
    assert_eq!(transcript.take(), [""; 0]);
}

#[test]
fn a_handler_can_hang_up_at_a_lag() {
    let desk = RecordingAcceptor::new().on_any(|name, call| {
        if name == "on_exception" {
            call.hangup();
        }
    });
    let transcript = desk.transcript.clone();
    let mut line = TestConnection::talking(desk);
    transcript.take();
    line.driver.handle_lag(line.now, lag());
    assert_eq!(transcript.take(), [LAGGED, "end HungUp", "drop"]);
    assert_eq!(line.flush(), HANGUP);
}

/// Returns the lag of two frames of four bytes each.
fn lag() -> Lag {
    let mut lag = Lag::default();
    lag.frames = 2;
    lag.bytes = 8;
    lag
}
