//! An adapter beside the plainest loop that could drive the core.

mod answers;
mod naive;
mod script;
mod under_tokio;
mod wire;

use std::cell::{RefCell, RefMut};
use std::rc::Rc;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use audiosocket_proto::SessionConfig;
use audiosocket_server::{CallHandle, Calls};
use audiosocket_testing::transcript::{Record, TranscriptAcceptor};
use tokio::runtime::{Builder, Runtime};

use crate::emitted::assert_asterisk_accepts;
use answers::{Script, ScriptedAnswers};
use naive::Naive;
use script::Op;
pub(crate) use script::codes;
use under_tokio::UnderTokio;
use wire::Wire;

/// Sends the same calls to the core, driven in the plainest way, and to `audiosocket-tokio` under a
/// clock that stands still. After each step both must have run the same callbacks at the same times
/// and sent the same bytes, whatever arrives, is taken, fails, is commanded or answered. At the end
/// both must close, after one `on_end`.
///
/// So nothing gets lost between a connection and the core: no wake-up, no deadline, no byte.
pub fn adapter(data: &[u8]) {
    // One for all inputs: to make one takes longer than most of them.
    thread_local! {
        static RUNTIME: Runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime that has no sockets");
    }
    // Fails on no input that is too short: the rest reads as zeros.
    let _ = RUNTIME.with(|runtime| runtime.block_on(run(&mut Unstructured::new(data))));
}

async fn run(u: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let mut config = script::config(u)?;
    let flags = u8::arbitrary(u)?;
    config.fill_silence = flags & 4 != 0;
    let script = Script::arbitrary(u)?;
    let ends = [(); 2].map(|()| End::new(ScriptedAnswers::recorded(&script)));
    let mut pair = Pair {
        naive: Naive::new(&ends[0], config),
        tokio: UnderTokio::new(&ends[1], config),
        ends,
        config,
        records: Vec::new(),
    };
    // Without it a fuzzer would have to guess nineteen bytes before anything happens.
    if flags & 1 == 0 {
        pair.on_the_wire(|wire| wire.arrive(b"\x01\x00\x10sixteen bytes !!"));
        pair.settle().await;
    }
    while !u.is_empty() {
        let (op, alone) = script::step(u)?;
        pair.apply(&op, alone).await;
    }
    pair.finish(flags).await;
    Ok(())
}

/// One of the two: a connection, the handler behind it, and what reaches it from elsewhere.
#[derive(Clone)]
struct End {
    wire: Rc<RefCell<Wire>>,
    acceptor: Acceptor,
    calls: Calls,
    /// Reaches the call, if it has begun.
    handle: Option<CallHandle>,
}

impl End {
    fn new(acceptor: Acceptor) -> Self {
        Self {
            wire: Rc::default(),
            acceptor,
            calls: Calls::default(),
            handle: None,
        }
    }

    /// Removes the new entries of the transcript and returns their records.
    fn take_records(&mut self) -> Vec<Record> {
        let entries = self.acceptor.transcript().take();
        let record = entries.into_iter().map(|entry| {
            self.handle = entry.handle.or(self.handle.take());
            entry.record
        });
        record.collect()
    }

    fn wire(&self) -> RefMut<'_, Wire> {
        self.wire.borrow_mut()
    }
}

/// What both serve with.
type Acceptor = TranscriptAcceptor<ScriptedAnswers>;

struct Pair {
    naive: Naive,
    tokio: UnderTokio,
    ends: [End; 2],
    config: SessionConfig,
    /// The transcript of both so far.
    records: Vec<Record>,
}

impl Pair {
    /// Unless it happens `alone`, neither gets its turn before the next one happens.
    async fn apply(&mut self, op: &Op<'_>, alone: bool) {
        let wait = match *op {
            Op::Wait(time) => Some(time),
            // A deadline that is acted on too early is found by going there in two steps.
            Op::Due => self.time_to_deadline(),
            Op::AlmostDue => self
                .time_to_deadline()
                .map(|time| time.saturating_sub(Duration::from_millis(1))),
            Op::Hangup => self.command(CallHandle::hangup),
            Op::HangupAfterPlayout => self.command(CallHandle::hangup_after_playout),
            Op::Play(rate, len) => self.command(|call| {
                call.try_play((rate, vec![len as u8; len.into()])).ok();
            }),
            Op::Clear => self.command(|call| {
                call.clear();
            }),
            Op::Mark => self.command(|call| {
                call.mark(7).ok();
            }),
            Op::ShutDown => {
                for end in &self.ends {
                    end.calls.shut_down();
                }
                None
            }
            Op::Abandon => {
                for end in &self.ends {
                    end.calls.abandon();
                }
                None
            }
            _ => {
                self.on_the_wire(|wire| wire.apply(op));
                None
            }
        };
        if let Some(time) = wait {
            // What comes at the same time as a deadline may be handled before or after it.
            self.settle().await;
            self.pass(time).await;
        }
        if alone || wait.is_some() {
            self.settle().await;
        }
    }

    /// Acts on the handles of both calls; no time passes.
    fn command(&self, act: impl Fn(&CallHandle)) -> Option<Duration> {
        for end in &self.ends {
            end.handle.iter().for_each(&act);
        }
        None
    }

    /// Sees both to their close.
    async fn finish(mut self, flags: u8) {
        self.settle().await;
        if flags & 2 == 0 {
            self.on_the_wire(Wire::take_everything);
            self.apply(&Op::ShutDown, true).await;
            self.on_the_wire(|wire| wire.apply(&Op::Eof));
        } else {
            // A peer that does nothing for its part.
            self.apply(&Op::ShutDown, true).await;
            if self.config.linger == Duration::MAX {
                self.apply(&Op::Abandon, false).await;
            } else {
                self.pass(self.config.linger).await;
            }
        }
        self.settle().await;
        assert!(self.naive.is_closed(), "the core does not come to an end");
        self.assert_ended_once();
        let [naive, tokio] = &self.ends;
        for end in [naive, tokio] {
            assert!(end.calls.is_empty(), "a connection that is closed counts");
        }
        assert_asterisk_accepts(&naive.wire().left);
    }

    /// Asserts that a call which began has ended once, and that the drop of its handler alone came
    /// after that.
    fn assert_ended_once(&self) {
        let is_end = |record: &Record| matches!(record, Record::End(_));
        let began = self.records.contains(&Record::Start);
        let ends = self.records.iter().filter(|record| is_end(record)).count();
        assert_eq!(ends, usize::from(began), "{:#?}", self.records);
        let after = self.records.iter().skip_while(|record| !is_end(record));
        let after = after.skip(1).filter(|record| !is_note(record));
        let after: Vec<_> = after.collect();
        let expected = if began { &[&Record::Drop][..] } else { &[] };
        assert_eq!(after, expected, "{:#?}", self.records);
    }

    /// Both do all that they can, and must have done the same.
    async fn settle(&mut self) {
        self.naive.settle();
        self.tokio.settle().await;
        let [naive, tokio] = &mut self.ends;
        let records = naive.take_records();
        assert_eq!(records, tokio.take_records(), "the callbacks");
        self.records.extend(records);
        let (mut naive, mut tokio) = (naive.wire(), tokio.wire());
        assert_eq!(naive.news(), tokio.news(), "what was sent");
        assert_eq!([naive.misused, tokio.misused], [None; 2]);
        assert_eq!(self.naive.is_closed(), self.tokio.is_closed());
    }

    async fn pass(&mut self, time: Duration) {
        self.naive.pass(time);
        tokio::time::advance(time).await;
    }

    /// In whole milliseconds, since that is how exactly tokio's timers go off; `None` for one that
    /// is too far off, as for none.
    fn time_to_deadline(&self) -> Option<Duration> {
        let time = self.naive.time_to_deadline()?;
        let millis = time.as_nanos().div_ceil(1_000_000);
        let millis = u64::try_from(millis).ok()?;
        let time = Duration::from_millis(millis);
        (time < Duration::from_secs(24 * 3600)).then_some(time)
    }

    fn on_the_wire(&self, happens: impl Fn(&mut Wire)) {
        for end in &self.ends {
            happens(&mut end.wire());
        }
    }
}

fn is_note(record: &Record) -> bool {
    matches!(record, Record::Note(_))
}
