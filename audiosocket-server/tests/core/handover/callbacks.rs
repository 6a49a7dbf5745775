//! The callbacks of a call that moves, in both processes.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use audiosocket_proto::{Audio, AudioBuf, End, SampleRate, SessionConfig, Timestamp, Transmit};
use audiosocket_server::handover::CallSnapshot;
use audiosocket_server::{
    Acceptor, Call, CallDriver, CallRequest, Calls, Exception, Handler, Refusal, Response,
};

use super::peer;
use crate::call::uuid_frame;
use crate::recorder::Transcript;

const NOW: Timestamp = Timestamp::ZERO;
const CONFIG: SessionConfig = SessionConfig::new().fill_silence(false);

/// One of the two processes. Its handlers record their callbacks, with its name.
#[derive(Clone)]
struct Process {
    name: &'static str,
    transcript: Transcript,
}

impl Process {
    fn note(&self, callback: &str) {
        self.transcript.add(format!("{}: {callback}", self.name));
    }

    fn take_over(&self, snapshot: CallSnapshot) -> CallDriver<Self> {
        let acceptor = Arc::new(self.clone());
        let calls = Calls::default();
        CallDriver::take_over(acceptor, snapshot, None, CONFIG, &calls).unwrap()
    }
}

impl Acceptor for Process {
    type Handler = Self;

    fn accept(&self, _: &CallRequest<'_>) -> Result<Self, Refusal> {
        Ok(self.clone())
    }

    fn take_over(&self, _: &CallRequest<'_>, _: &[u8]) -> Result<Self, Refusal> {
        Ok(self.clone())
    }
}

impl Handler for Process {
    fn on_start(&mut self, _: &mut Call<'_>) {
        self.note("start");
    }

    fn on_audio<'a>(&mut self, _: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        audio.into()
    }

    fn on_exception(&mut self, _: &mut Call<'_>, error: &Exception) {
        self.note(&error.to_string());
    }

    fn hand_over(&mut self, _: &Call<'_>) -> Option<Vec<u8>> {
        Some(Vec::new())
    }

    fn on_resume(&mut self, _: &mut Call<'_>) {
        self.note("resume");
    }

    fn on_end(&mut self, _: &mut Call<'_>, end: End) {
        self.note(&end.to_string());
    }
}

/// The two processes, a call in the old one, and the callbacks.
fn processes() -> (Process, CallDriver<Process>, Transcript) {
    let transcript = Transcript::default();
    let process = |name| Process {
        name,
        transcript: transcript.clone(),
    };
    let (acceptor, calls) = (Arc::new(process("old")), Calls::default());
    let mut call = CallDriver::new(acceptor, peer(), CONFIG, &calls, NOW);
    call.receive(NOW, &uuid_frame());
    assert_eq!(transcript.take(), ["old: start"]);
    (process("new"), call, transcript)
}

#[test]
fn a_call_that_moves_resumes_and_ends_in_the_new_process_only() {
    let (new_process, mut old, transcript) = processes();
    let mut new = new_process.take_over(old.hand_over(NOW).unwrap());
    old.discard();
    drop(old);
    assert_eq!(transcript.take(), [""; 0], "before the commit");
    new.resume(NOW);
    new.handle_eof(NOW);
    drop(new);
    let ended = "new: closed by the peer";
    assert_eq!(transcript.take(), ["new: resume", ended]);
}

#[test]
fn a_call_whose_handover_fails_resumes_and_ends_in_the_old_process_only() {
    let (new_process, mut old, transcript) = processes();
    let mut new = new_process.take_over(old.hand_over(NOW).unwrap());
    new.discard();
    drop(new);
    old.resume(NOW);
    old.handle_eof(NOW);
    drop(old);
    let ended = "old: closed by the peer";
    assert_eq!(transcript.take(), ["old: resume", ended]);
}

/// The peer has not read since.
#[test]
fn a_full_send_buffer_is_not_reported_again_after_the_move() {
    let (new_process, mut old, transcript) = processes();
    let frame = [&[0x10, 0xea, 0x60][..], &[7; 60_000]].concat();
    old.receive(NOW, &frame.repeat(4));
    let dropped = "old: the answer was not sent: dropped, because the peer does not read";
    assert_eq!(transcript.take(), [dropped]);
    let mut new = new_process.take_over(old.hand_over(NOW).unwrap());
    old.discard();
    new.resume(NOW);
    new.receive(NOW, &frame);
    assert_eq!(transcript.take(), ["new: resume"]);
}

/// The new process ends the wait: the old one has the value that ended it.
#[test]
fn audio_in_parts_waits_in_the_new_process_too() {
    let (new_process, mut old, _) = processes();
    let amount = Duration::from_millis(100);
    let parts = old.handle().prebuffer(amount);
    let part = AudioBuf::new(SampleRate::Hz8000, vec![7; 640]);
    old.handle().try_play(part).unwrap();
    let mut new = new_process.take_over(old.hand_over(NOW).unwrap());
    drop(parts);
    new.resume(NOW);
    let mut frame_is_due = |millis| {
        let now = NOW + Duration::from_millis(millis);
        new.poll_commands(now, Waker::noop());
        new.handle_timeout(now);
        if let Transmit::Bytes(bytes) = new.poll_transmit() {
            let len = bytes.len();
            new.transmitted(now, len);
        }
        new.handle().clone()
    };
    for millis in [0, 20, 40] {
        let depth = frame_is_due(millis).stats().playout.depth;
        assert_eq!(depth, Duration::from_millis(40), "after {millis} ms");
    }
    drop(frame_is_due(60).prebuffer(amount));
    let depth = frame_is_due(80).stats().playout.depth;
    assert_eq!(depth, Duration::from_millis(20));
}

/// The connection has not polled the request of the handle.
#[test]
fn audio_of_a_handle_that_plays_just_before_the_move_leaves_after_it() {
    let (new_process, mut old, _) = processes();
    let audio = AudioBuf::new(SampleRate::Hz8000, vec![7; 320]);
    old.handle().try_play(audio).unwrap();
    let mut new = new_process.take_over(old.hand_over(NOW).unwrap());
    new.resume(NOW);
    new.poll_commands(NOW, Waker::noop());
    let frame = [&[0x10, 1, 64][..], &[7; 320]].concat();
    assert_eq!(new.poll_transmit(), Transmit::Bytes(&frame));
}

#[test]
fn the_write_timeout_counts_from_the_last_written_byte_in_the_old_process() {
    let (new_process, mut old, _) = processes();
    let seconds = |seconds| NOW + Duration::from_secs(seconds);
    old.receive(seconds(10), &[0x10, 0, 2, 1, 1]);
    let mut new = new_process.take_over(old.hand_over(seconds(20)).unwrap());
    new.resume(seconds(20));
    assert_eq!(new.poll_timeout(), Some(seconds(10) + CONFIG.write_timeout));
}

/// The future is in the old process.
#[test]
fn a_call_stays_while_a_play_waits_for_room() {
    let (_, mut call, _) = processes();
    let longer_than_the_playout = AudioBuf::new(SampleRate::Hz8000, vec![1; 31 * 16_000]);
    let mut play = pin!(call.handle().play(longer_than_the_playout));
    let mut context = Context::from_waker(Waker::noop());
    assert!(play.as_mut().poll(&mut context).is_pending());
    assert_eq!(call.hand_over(NOW), None);
}
