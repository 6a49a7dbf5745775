//! The callbacks of a call that moves, in both processes.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use audiosocket_proto::{AudioBuf, End, SampleRate, SessionConfig, Timestamp};
use audiosocket_server::handover::CallSnapshot;
use audiosocket_server::{Acceptor, Call, CallDriver, CallRequest, Calls, Handler, Refusal};

use super::peer;
use crate::call::uuid_frame;
use crate::recorder::Transcript;

const NOW: Timestamp = Timestamp::ZERO;

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
        CallDriver::take_over(acceptor, snapshot, None, SessionConfig::new(), &calls).unwrap()
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
    let mut call = CallDriver::new(acceptor, peer(), SessionConfig::new(), &calls, NOW);
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
