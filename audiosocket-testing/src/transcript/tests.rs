use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use audiosocket_proto::{End, SampleRate, SessionConfig, Timestamp};
use audiosocket_server::{Acceptor, CallDriver, Calls, Refusal};

use super::{Answers, Record, Transcript, TranscriptAcceptor};

const NOW: Timestamp = Timestamp::from_nanos(7_000_000_000);
const UUID: &[u8] = b"\x01\x00\x10sixteen bytes !!";
const ACCEPT: &str = "accept 73697874-6565-6e20-6279-746573202121";

fn connect<A: Acceptor>(acceptor: A) -> CallDriver<A> {
    let mut config = SessionConfig::default();
    config.fill_silence = false;
    CallDriver::new(
        Arc::new(acceptor),
        "peer".into(),
        config,
        &Calls::default(),
        NOW,
    )
}

#[test]
fn each_callback_is_recorded_with_its_call() {
    let acceptor = TranscriptAcceptor::new(Answers::new());
    let transcript = acceptor.transcript();
    let mut driver = connect(acceptor);
    driver.receive(NOW, UUID);
    driver.receive(
        NOW,
        b"\x10\x00\x02ab\x03\x00\x015\x7f\x00\x01x\x03\x00\x01?",
    );
    let handle = transcript.entries()[1].handle.clone().unwrap();
    handle.mark(7).unwrap();
    driver.poll_commands(NOW, Waker::noop());
    driver.handle_eof(NOW);
    assert_eq!(
        transcript.lines(),
        [
            ACCEPT,
            "start",
            "audio slin 2 bytes",
            "dtmf 5",
            "ignored 0x7f 1 bytes",
            "exception: a key press that is not one of 0-9 * # A-D",
            "mark 7: Played",
            "end: closed by the peer",
            "drop",
        ]
    );
    let entries = transcript.take();
    let uuid = entries[0].uuid.unwrap();
    assert_eq!(uuid.as_bytes(), b"sixteen bytes !!");
    for entry in &entries {
        assert_eq!(
            (entry.uuid, entry.peer.clone()),
            (Some(uuid), Some("peer".into()))
        );
    }
    assert_eq!(
        entries[2].record,
        Record::Audio(SampleRate::Hz8000, b"ab".to_vec())
    );
    assert_eq!(entries[7].record, Record::End(End::Closed));
    assert_eq!(transcript.lines(), [""; 0]);
}

#[test]
fn a_connection_without_a_call_is_recorded() {
    let acceptor = TranscriptAcceptor::new(Answers::new());
    let transcript = acceptor.transcript();
    connect(acceptor).receive(NOW, b"\x03\x00\x015");
    let entries = transcript.entries();
    assert_eq!(
        entries[0].to_string(),
        "no call: the first frame was of kind 0x03 (dtmf) and not a UUID"
    );
    assert_eq!(entries[0].uuid, None);
}

#[test]
fn a_refused_call_has_no_handler_to_record() {
    let refusing = Answers::new().accept(|_| Err(Refusal::new("not today")));
    let acceptor = TranscriptAcceptor::new(refusing);
    let transcript = acceptor.transcript();
    connect(acceptor).receive(NOW, UUID);
    assert_eq!(transcript.take_lines(), [ACCEPT]);
}

#[test]
fn hooks_run_after_the_entry_and_before_the_answer() {
    let transcript = Transcript::new();
    let (notes, answers) = (transcript.clone(), transcript.clone());
    let answering = Answers::new().on_audio(move |call, _| {
        answers.note_about(call, "answer");
        ().into()
    });
    let acceptor = TranscriptAcceptor::new(answering)
        .record_into(&transcript)
        .keep_if(|entry| matches!(entry.record, Record::Audio(..)))
        .in_call(move |call, record| {
            if matches!(record, Record::Audio(..)) {
                notes.note_about(call, "hook");
            }
        });
    let mut driver = connect(acceptor);
    driver.receive(NOW, UUID);
    driver.receive(NOW, b"\x10\x00\x02ab");
    assert_eq!(transcript.lines(), ["audio slin 2 bytes", "hook", "answer"]);
}

#[test]
fn a_hook_that_panics_ends_the_call() {
    let acceptor = TranscriptAcceptor::new(Answers::new()).on_entry(|entry| {
        if entry.record == Record::Start {
            std::panic::resume_unwind(Box::new("as asked"));
        }
    });
    let transcript = acceptor.transcript();
    connect(acceptor).receive(NOW, UUID);
    assert_eq!(
        transcript.lines()[2..],
        [
            "exception: the handler panicked: \"as asked\"",
            "end: handler panicked",
            "drop"
        ]
    );
}

#[test]
fn wait_until_returns_a_record_of_another_thread() {
    let transcript = Transcript::new();
    let writer = transcript.clone();
    let thread = thread::spawn(move || writer.note("here"));
    let found = transcript.wait_until(Duration::from_secs(60), |entries| {
        entries.first().map(ToString::to_string)
    });
    assert_eq!(found.as_deref(), Some("here"));
    thread.join().unwrap();
}

#[test]
fn wait_until_has_a_deadline() {
    let found = Transcript::new().wait_until(Duration::from_millis(5), |_| None::<()>);
    assert_eq!(found, None);
}

#[test]
fn next_wakes_its_task_and_returns_entries_in_order() {
    #[derive(Default)]
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let transcript = Transcript::new();
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let mut cx = Context::from_waker(&waker);
    {
        let mut next = pin!(transcript.next());
        assert!(next.as_mut().poll(&mut cx).is_pending());
        assert!(next.as_mut().poll(&mut cx).is_pending());
        transcript.note("one");
        transcript.note("two");
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        let Poll::Ready(entry) = next.poll(&mut cx) else {
            panic!("there is no entry");
        };
        assert_eq!(entry.to_string(), "one");
    }
    assert_eq!(transcript.lines(), ["two"]);
}

#[test]
fn holders_counts_the_handlers_of_open_calls() {
    let acceptor = TranscriptAcceptor::new(Answers::new());
    let transcript = acceptor.transcript();
    let mut driver = connect(acceptor);
    driver.receive(NOW, UUID);
    assert_eq!(transcript.holders(), 3);
    drop(driver);
    assert_eq!(transcript.holders(), 1);
}
