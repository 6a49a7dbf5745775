//! Observers of the audio that a call sends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use audiosocket_proto::{Audio, SampleRate};
use audiosocket_server::Call;

use crate::call::HANGUP;
use crate::playing::{PTIME, RATE, speech};
use crate::recorder::{RecordingAcceptor, TestConnection, Transcript};
use crate::wire::frame;

/// The sent frames: milliseconds since the start, whether the playout sent the frame, its rate, the first byte of its
/// audio and its length.
type Sent = Arc<Mutex<Vec<(u64, bool, SampleRate, u8, usize)>>>;

fn observe(call: &mut Call<'_>, sent: &Sent) {
    let sent = sent.clone();
    call.observe_sent(move |frame| {
        let at = frame.at.as_millis() as u64;
        let (rate, payload) = (frame.audio.rate(), frame.audio.payload());
        let line = (at, frame.on_schedule, rate, payload[0], payload.len());
        sent.lock().unwrap().push(line);
    });
}

/// Returns an acceptor that observes its calls and then runs `act` at the start of a call.
fn observed(
    act: impl Fn(&mut Call<'_>) + Send + Sync + 'static,
) -> (RecordingAcceptor, Sent, Transcript) {
    let sent = Sent::default();
    let observed = sent.clone();
    let acceptor = RecordingAcceptor::echo().on_any(move |name, call| {
        if name == "on_start" {
            observe(call, &observed);
            act(call);
        }
    });
    let transcript = acceptor.transcript.clone();
    (acceptor, sent, transcript)
}

fn take(sent: &Sent) -> Vec<(u64, bool, SampleRate, u8, usize)> {
    std::mem::take(&mut sent.lock().unwrap())
}

#[test]
fn played_audio_silence_and_answers_are_observed_when_they_leave() {
    let (acceptor, sent, _) = observed(|call| {
        call.send(Audio::new(RATE, &[5; 100])).unwrap();
        call.try_play((SampleRate::Hz16000, vec![7; 640])).unwrap();
    });
    let mut line = TestConnection::talking_with(acceptor, |config| config.fill_silence(true));
    line.flush();
    assert_eq!(
        take(&sent),
        [
            (0, false, RATE, 5, 100),
            (0, true, SampleRate::Hz16000, 7, 640)
        ]
    );
    line.wait(PTIME / 4);
    line.receive(&frame(0x10, &[9; 320]));
    line.flush();
    assert_eq!(take(&sent), [(5, false, RATE, 9, 320)]);
    // 200 ms after the end of both answers, at 226.25 ms, there is silence.
    line.wait(Duration::from_millis(225));
    line.flush();
    assert_eq!(take(&sent), [(230, true, RATE, 0, 320)]);
}

#[test]
fn cleared_audio_is_not_observed() {
    let (acceptor, sent, _) = observed(|call| call.try_play((RATE, speech(3))).unwrap());
    let mut line = TestConnection::talking(acceptor);
    line.flush();
    line.driver.handle().clear();
    line.poll_commands();
    line.wait(PTIME * 5);
    assert_eq!(line.flush(), [0; 0]);
    assert_eq!(take(&sent), [(0, true, RATE, 7, 320)]);
}

#[test]
fn a_late_frame_has_its_time_in_the_schedule() {
    let (acceptor, sent, _) = observed(|call| call.try_play((RATE, speech(5))).unwrap());
    let mut line = TestConnection::talking(acceptor);
    // 9 ms late, in time, and 41 ms late: two frames are skipped.
    for wait in [29, 11, 61, 19] {
        line.flush();
        line.wait(Duration::from_millis(wait));
    }
    let times: Vec<_> = take(&sent).into_iter().map(|(at, ..)| at).collect();
    assert_eq!(times, [0, 20, 40, 100, 120]);
}

#[test]
fn a_dropped_frame_is_not_observed() {
    let (acceptor, sent, _) = observed(|_| {});
    let mut line = TestConnection::talking_with(acceptor, |config| config.max_unsent(700));
    for byte in 1..=5 {
        line.receive(&frame(0x10, &[byte; 320]));
    }
    let bytes: Vec<_> = take(&sent).into_iter().map(|(.., byte, _)| byte).collect();
    assert_eq!(bytes, [1, 2]);
}

#[test]
fn a_call_can_have_two_observers_and_drops_them_before_its_end() {
    struct NotesDrop(Transcript);
    impl Drop for NotesDrop {
        fn drop(&mut self) {
            self.0.add("observer dropped");
        }
    }
    let sent = Sent::default();
    let (first, second) = (sent.clone(), sent.clone());
    let acceptor = RecordingAcceptor::echo();
    let transcript = acceptor.transcript.clone();
    let notes = transcript.clone();
    let acceptor = acceptor.on_any(move |name, call| {
        if name == "on_start" {
            observe(call, &first);
            observe(call, &second);
            let guard = NotesDrop(notes.clone());
            call.observe_sent(move |frame| guard.0.add(format!("sent {}", frame.audio.len())));
        }
    });
    let mut line = TestConnection::talking(acceptor);
    line.receive(&frame(0x10, &[9; 320]));
    assert_eq!(take(&sent), [(0, false, RATE, 9, 320); 2]);
    line.flush();
    line.eof();
    let lines = transcript.take();
    assert_eq!(
        lines[2..],
        [
            "audio slin 320",
            "sent 320",
            "observer dropped",
            "end Closed",
            "drop"
        ]
    );
}

#[test]
fn a_panic_of_an_observer_ends_its_call() {
    let panics = |call: &mut Call<'_>| {
        call.observe_sent(|_| std::panic::resume_unwind(Box::new("observer")));
    };
    // At a played frame, at an answer, and at a frame that a callback sends.
    let starts: [fn(&mut Call<'_>); 3] = [
        |call| call.try_play((RATE, speech(1))).unwrap(),
        |_| {},
        |call| call.send(Audio::new(RATE, &[5; 100])).unwrap(),
    ];
    for start in starts {
        let (acceptor, _, transcript) = observed(move |call| {
            panics(call);
            start(call);
        });
        let mut line = TestConnection::talking(acceptor);
        line.receive(&frame(0x10, &[9; 320]));
        let ends = transcript.take();
        let ends = ends[ends.len() - 3..].join(", ");
        let wanted = r#"exception HandlerPanicked("observer"), end HandlerPanicked, drop"#;
        assert_eq!(ends, wanted);
        assert!(line.flush().ends_with(&HANGUP));
        line.expect_close();
    }
}
