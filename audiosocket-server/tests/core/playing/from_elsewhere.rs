//! Playing on a call from other threads. A handle wakes the call only if the call must act before its next deadline.

use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use audiosocket_proto::{Bytes, Dropped, SendError};
use audiosocket_server::CallHandle;

use crate::call::{HANGUP, uuid_frame};
use crate::handles::CountingWaker;
use crate::playing::{PTIME, RATE, silence, speech, spoken};
use crate::recorder::{RecordingAcceptor, TestConnection};
use crate::wire::frame;

/// A call that has started, with a waker that counts.
struct Sleeping {
    line: TestConnection<RecordingAcceptor>,
    bell: Arc<CountingWaker>,
    wake_count: usize,
}

impl Sleeping {
    fn new(fill_silence: bool) -> Self {
        let desk = RecordingAcceptor::new();
        let line = TestConnection::talking_with(desk, |config| config.fill_silence(fill_silence));
        let mut sleeping = Self {
            line,
            bell: Arc::default(),
            wake_count: 0,
        };
        sleeping.line.flush();
        sleeping.wake();
        sleeping
    }

    fn wake(&mut self) {
        let waker = Waker::from(self.bell.clone());
        self.line.driver.poll_commands(self.line.now, &waker);
    }

    /// Uses the handle in another thread. Returns whether this woke the call.
    fn rings<R: Send + 'static>(
        &mut self,
        act: impl FnOnce(&CallHandle) -> R + Send + 'static,
    ) -> (bool, R) {
        let handle = self.line.driver.handle().clone();
        let result = thread::spawn(move || act(&handle)).join().unwrap();
        let before = std::mem::replace(&mut self.wake_count, self.bell.wake_count());
        (self.wake_count > before, result)
    }
}

#[test]
fn play_wakes_a_quiet_call() {
    let mut call = Sleeping::new(false);
    let (rang, played) = call.rings(|handle| handle.try_play((RATE, speech(2))));
    assert!(rang);
    assert_eq!(played, Ok(()));
    call.wake();
    assert_eq!(call.line.flush(), spoken());
    // The call wakes for the next frame anyway, and takes the new audio at that time.
    let (rang, _) = call.rings(|handle| handle.try_play((RATE, speech(1))));
    assert!(!rang);
    for _ in 0..2 {
        call.line.wait(PTIME);
        assert_eq!(call.line.flush(), spoken());
    }
}

#[test]
fn play_does_not_wake_a_call_that_sends_silence() {
    let mut call = Sleeping::new(true);
    let (rang, _) = call.rings(|handle| handle.try_play((RATE, speech(1))));
    assert!(!rang);
    call.line.wait(PTIME);
    assert_eq!(call.line.flush(), spoken());
    call.line.wait(PTIME);
    assert_eq!(call.line.flush(), silence());
}

/// The next silence is due later than the played audio.
#[test]
fn play_wakes_a_call_whose_next_silence_is_later() {
    let mut call = Sleeping::new(true);
    call.line.receive(&frame(0x03, b"*"));
    call.line.flush();
    call.line.wait(PTIME);
    call.wake();
    let (rang, _) = call.rings(|handle| handle.try_play((RATE, speech(1))));
    assert!(rang);
    call.wake();
    assert_eq!(call.line.flush(), spoken());
}

#[test]
fn clear_wakes_the_call_only_if_a_mark_must_be_reported() {
    for fill_silence in [true, false] {
        let mut call = Sleeping::new(fill_silence);
        assert_eq!(call.rings(CallHandle::clear), (false, Dropped::default()));
        call.line
            .driver
            .handle()
            .try_play((RATE, speech(1500)))
            .unwrap();
        call.wake();
        call.line.flush();
        call.wake_count = call.bell.wake_count();
        let (rang, dropped) = call.rings(CallHandle::clear);
        assert!(!rang);
        assert!(dropped.samples >= 1499 * 160);
        call.line.wait(PTIME);
        let heard = call.line.flush();
        assert_eq!(heard, if fill_silence { silence() } else { vec![] });
    }

    let mut call = Sleeping::new(false);
    call.line
        .driver
        .handle()
        .try_play((RATE, speech(3)))
        .unwrap();
    call.line.driver.handle().mark(5).unwrap();
    call.wake();
    call.line.flush();
    call.wake();
    call.wake_count = call.bell.wake_count();
    let (rang, _) = call.rings(CallHandle::clear);
    assert!(rang);
}

#[test]
fn a_mark_wakes_the_call_if_no_audio_is_queued_before_it() {
    let desk = RecordingAcceptor::new();
    let transcript = desk.transcript.clone();
    let mut call = Sleeping {
        line: TestConnection::talking(desk),
        bell: Arc::default(),
        wake_count: 0,
    };
    call.wake();
    transcript.take();
    let (rang, marked) = call.rings(|handle| handle.mark(1));
    assert!(rang);
    assert_eq!(marked, Ok(()));
    call.wake();
    assert_eq!(transcript.take(), ["mark 1 Played"]);

    call.line
        .driver
        .handle()
        .try_play((RATE, speech(2)))
        .unwrap();
    call.wake();
    call.line.flush();
    call.wake_count = call.bell.wake_count();
    let (rang, _) = call.rings(|handle| handle.mark(2));
    assert!(!rang, "the call wakes for the audio before the mark");
    call.line.wait(PTIME);
    assert_eq!(transcript.take(), [""; 0]);
    call.line.flush();
    assert_eq!(transcript.take(), ["mark 2 Played"]);
}

#[test]
fn hangup_after_playout_hangs_up_after_the_queued_audio() {
    let mut call = Sleeping::new(false);
    let (rang, ()) = call.rings(CallHandle::hangup_after_playout);
    assert!(rang);
    call.wake();
    assert_eq!(call.line.flush(), HANGUP);

    let mut call = Sleeping::new(false);
    call.line
        .driver
        .handle()
        .try_play((RATE, speech(2)))
        .unwrap();
    call.wake();
    call.line.flush();
    call.wake_count = call.bell.wake_count();
    let (rang, ()) = call.rings(CallHandle::hangup_after_playout);
    assert!(!rang);
    call.line.wait(PTIME);
    assert_eq!(call.line.flush(), spoken());
    call.line.wait(PTIME);
    assert_eq!(call.line.flush(), HANGUP);
}

#[test]
fn refused_audio_does_not_wake_the_call() {
    let mut call = Sleeping::new(false);
    let (rang, refused) = call.rings(|handle| handle.try_play((RATE, Bytes::new())));
    assert_eq!((rang, refused), (false, Err(SendError::EmptyAudio)));
    let (rang, _) = call.rings(CallHandle::stats);
    assert!(!rang);
}

#[test]
fn no_audio_is_played_before_or_after_the_call() {
    let mut line =
        TestConnection::with(RecordingAcceptor::new(), |config| config.fill_silence(true));
    let handle = line.driver.handle().clone();
    let refused = |handle: &CallHandle| {
        assert_eq!(handle.try_play((RATE, speech(1))), Err(SendError::NoCall));
        assert_eq!(handle.mark(1), Err(SendError::NoCall));
        assert_eq!(handle.clear(), Dropped::default());
        handle.hangup_after_playout();
    };
    refused(&handle);
    line.poll_commands();
    line.receive(&uuid_frame());
    assert_eq!(line.flush(), silence());

    // This holds even if the peer has not read the audio that was due.
    handle.try_play((RATE, speech(9))).unwrap();
    line.wait(PTIME);
    line.wait(PTIME);
    line.eof();
    let bell = Arc::new(CountingWaker::default());
    line.driver
        .poll_commands(line.now, &Waker::from(bell.clone()));
    refused(&handle);
    assert_eq!(bell.wake_count(), 0, "a call that is over is not woken");
    drop(line);
    refused(&handle);
}

/// Sixteen threads at the same time: no audio is lost, and the order of each thread is kept.
#[test]
fn pieces_of_many_threads_are_all_played() {
    let mut line = TestConnection::talking_with(RecordingAcceptor::new(), |config| {
        config.max_playout(Duration::MAX)
    });
    thread::scope(|scope| {
        for thread in 1..=16_u8 {
            let handle = line.driver.handle().clone();
            scope.spawn(move || {
                for _ in 0..100 {
                    handle.try_play((RATE, vec![thread; 320])).unwrap();
                }
            });
        }
    });
    line.poll_commands();
    let mut heard = [0; 17];
    for _ in 0..1600 {
        heard[usize::from(line.flush()[3])] += 1;
        line.wait(PTIME);
    }
    assert_eq!(heard[1..], [100; 16]);
}

/// Audio whose drop uses the call. A buffer of a pool can do this: its drop gives the buffer to the next audio.
struct Owner {
    audio: Vec<u8>,
    handle: CallHandle,
    dropped: Arc<Mutex<usize>>,
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.audio
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.handle.try_play((RATE, Bytes::from_static(&[9, 9])));
        let _ = self.handle.stats();
        *self.dropped.lock().unwrap() += 1;
    }
}

/// All ways in which a call drops audio. This would deadlock if the call dropped audio under the lock that the drop takes.
#[test]
fn audio_may_use_the_handle_when_it_is_dropped() {
    let dropped = Arc::new(Mutex::new(0));
    let new_line = || TestConnection::talking(RecordingAcceptor::new());
    let owned = |line: &TestConnection<RecordingAcceptor>, len| {
        Bytes::from_owner(Owner {
            audio: vec![7; len],
            handle: line.driver.handle().clone(),
            dropped: dropped.clone(),
        })
    };
    let count = || std::mem::take(&mut *dropped.lock().unwrap());

    // Audio that is refused.
    let line = new_line();
    let handle = line.driver.handle().clone();
    handle.hangup_after_playout();
    assert_eq!(
        handle.try_play((RATE, owned(&line, 320))),
        Err(SendError::NoCall)
    );
    assert_eq!(
        handle.try_play((RATE, owned(&line, 0))),
        Err(SendError::NoCall)
    );
    assert_eq!(count(), 2);

    // Audio that is played: pieces that make a frame together, and a piece that is a frame.
    let mut line = new_line();
    let handle = line.driver.handle().clone();
    for len in [10, 20, 320, 290] {
        handle.try_play((RATE, owned(&line, len))).unwrap();
    }
    line.poll_commands();
    for _ in 0..3 {
        line.flush();
        line.wait(PTIME);
    }
    assert_eq!(count(), 4);

    // Audio that is cleared, and audio that is dropped with the call.
    let mut line = new_line();
    let handle = line.driver.handle().clone();
    handle.try_play((RATE, owned(&line, 1000))).unwrap();
    assert_eq!(handle.clear().samples, 500);
    assert_eq!(count(), 1);
    handle.try_play((RATE, owned(&line, 1000))).unwrap();
    line.eof();
    assert_eq!(count(), 1);
    drop(handle);

    let line = new_line();
    let handle = line.driver.handle().clone();
    handle.try_play((RATE, owned(&line, 1000))).unwrap();
    drop(line);
    assert_eq!(count(), 1);
}

/// A callback drops audio in these ways, too.
#[test]
fn audio_may_use_the_handle_when_a_callback_drops_it() {
    let dropped = Arc::new(Mutex::new(0));
    let seen = dropped.clone();
    let desk = RecordingAcceptor::new().on_any(move |name, call| {
        if name != "on_start" {
            return;
        }
        let handle = call.handle();
        let owned = |len| {
            Bytes::from_owner(Owner {
                audio: vec![7; len],
                handle: handle.clone(),
                dropped: seen.clone(),
            })
        };
        call.try_play((RATE, owned(1000))).unwrap();
        assert_eq!(call.clear().samples, 500);
        assert_eq!(call.try_play((RATE, owned(0))), Err(SendError::EmptyAudio));
        call.hangup_after_playout();
        assert_eq!(call.try_play((RATE, owned(10))), Err(SendError::NoCall));
    });
    let line = TestConnection::talking(desk);
    drop(line);
    assert_eq!(*dropped.lock().unwrap(), 3);
}
