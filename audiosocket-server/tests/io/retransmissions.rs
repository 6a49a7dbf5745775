//! When the TCP segments that were sent again are counted.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use audiosocket_proto::{Audio, End, SessionConfig};
use audiosocket_server::io::Connection;
use audiosocket_server::{Call, CallRequest, Calls, Handler, Refusal, Response};

use crate::rig::{AUDIO, HANGUP, UUID};
use crate::runtime::{FakeStream, FakeTimer, Script, pass};

/// Echoes, and stores the count at each audio and at the end.
struct Counter(Arc<Mutex<Vec<Option<u32>>>>);

impl Counter {
    fn store(&self, call: &Call<'_>) {
        self.0.lock().unwrap().push(call.stats().retransmissions);
    }
}

impl Handler for Counter {
    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        self.store(call);
        audio.into()
    }

    fn on_end(&mut self, call: &mut Call<'_>, _: End) {
        self.store(call);
    }
}

/// A call whose kernel has a count. Returns the counts that the handler got, and how often the kernel was asked.
fn counts(
    retransmissions: Option<u32>,
    act: impl Fn(&RefCell<Script>, &mut dyn FnMut()),
) -> (Vec<Option<u32>>, usize) {
    let counts = Arc::new(Mutex::new(Vec::new()));
    let stored = Arc::clone(&counts);
    let acceptor = move |_: &CallRequest<'_>| Ok::<_, Refusal>(Counter(Arc::clone(&stored)));
    let script: Rc<RefCell<Script>> = Rc::default();
    script.borrow_mut().retransmissions = retransmissions;
    let config = SessionConfig::new().fill_silence(false);
    let stream = FakeStream::new(&script);
    let mut connection: Connection<_, FakeTimer, _> = Connection::new(
        stream,
        "peer".into(),
        Arc::new(acceptor),
        config,
        &Calls::default(),
    );
    let mut poll = || {
        let mut cx = Context::from_waker(Waker::noop());
        let _: Poll<()> = Pin::new(&mut connection).poll(&mut cx);
    };
    script.borrow_mut().reads.push_back(Ok(UUID.to_vec()));
    poll();
    act(&script, &mut poll);
    let counted = script.borrow().counted.get();
    let counts = counts.lock().unwrap().clone();
    (counts, counted)
}

fn read(script: &RefCell<Script>, read: io::Result<&[u8]>) {
    let read = read.map(<[u8]>::to_vec);
    script.borrow_mut().reads.push_back(read);
}

#[test]
fn the_last_callback_of_a_call_that_the_peer_ended_has_the_count() {
    let ends: [fn() -> io::Result<&'static [u8]>; 3] = [
        || Ok(b""),
        || Err(io::ErrorKind::ConnectionReset.into()),
        || Err(io::ErrorKind::TimedOut.into()),
    ];
    for end in ends {
        let (counts, _) = counts(Some(7), |script, poll| {
            read(script, Ok(AUDIO));
            poll();
            read(script, end());
            poll();
        });
        assert_eq!(counts, [None, Some(7)]);
    }
}

/// Fifty frames a second for three seconds.
#[test]
fn the_kernel_is_asked_once_a_second_and_not_for_each_frame() {
    let (counts, counted) = counts(Some(7), |script, poll| {
        for _ in 0..150 {
            pass(Duration::from_millis(20));
            read(script, Ok(AUDIO));
            poll();
        }
    });
    assert_eq!(counted, 3);
    assert_eq!(counts[..50], [None; 50]);
    assert_eq!(counts[50..], [Some(7); 100]);
}

#[test]
fn a_call_that_the_server_ends_has_the_count_of_the_last_second() {
    let (counts, _) = counts(Some(7), |script, poll| {
        pass(Duration::from_secs(1));
        read(script, Ok(AUDIO));
        poll();
        read(script, Ok(&HANGUP));
        poll();
    });
    assert_eq!(counts, [None, Some(7)]);
}

#[test]
fn a_stream_that_is_not_tcp_has_no_count() {
    let (counts, _) = counts(None, |script, poll| {
        read(script, Ok(b""));
        poll();
    });
    assert_eq!(counts, [None]);
}
