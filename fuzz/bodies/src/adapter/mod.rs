//! Compares an adapter with a plain loop that drives the core.

mod answers;
mod plain_loop;
mod script;
mod tokio_connection;
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
use plain_loop::PlainLoop;
use script::Op;
pub(crate) use script::codes;
use tokio_connection::TokioConnection;
use wire::Wire;

/// Runs the same call on a plain loop over the core and on `audiosocket-tokio` with a paused clock.
///
/// After each step, both must have run the same callbacks at the same times and sent the same bytes. At the end, both
/// must close after exactly one `on_end`. This finds lost wake-ups, lost deadlines and lost bytes in the adapter.
pub fn adapter(data: &[u8]) {
    // One runtime for all inputs. Making a runtime takes longer than most inputs.
    thread_local! {
        static RUNTIME: Runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without sockets starts");
    }
    // A short input does not fail: missing bytes are zeros.
    let _ = RUNTIME.with(|runtime| runtime.block_on(run(&mut Unstructured::new(data))));
}

async fn run(u: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let mut config = script::config(u)?;
    let flags = u8::arbitrary(u)?;
    config.fill_silence = flags & 4 != 0;
    let script = Script::arbitrary(u)?;
    let sides = [(); 2].map(|()| Side::new(ScriptedAnswers::recorded(&script)));
    let mut pair = Pair {
        plain: PlainLoop::new(&sides[0], config),
        tokio: TokioConnection::new(&sides[1], config),
        sides,
        config,
        records: Vec::new(),
    };
    // Otherwise a fuzzer would have to guess nineteen bytes first.
    if flags & 1 == 0 {
        pair.with_wires(|wire| wire.arrive(b"\x01\x00\x10sixteen bytes !!"));
        pair.settle().await;
    }
    while !u.is_empty() {
        let (op, alone) = script::step(u)?;
        pair.apply(&op, alone).await;
    }
    pair.finish(flags).await;
    Ok(())
}

/// One side of the comparison: a connection, its acceptor, and its call handle.
#[derive(Clone)]
struct Side {
    wire: Rc<RefCell<Wire>>,
    acceptor: Acceptor,
    calls: Calls,
    /// The handle of the call, after its start.
    handle: Option<CallHandle>,
}

impl Side {
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

/// The acceptor of both sides.
type Acceptor = TranscriptAcceptor<ScriptedAnswers>;

struct Pair {
    plain: PlainLoop,
    tokio: TokioConnection,
    sides: [Side; 2],
    config: SessionConfig,
    /// The common transcript so far.
    records: Vec<Record>,
}

impl Pair {
    /// Applies an operation. If it is `alone`, both sides run before the next operation.
    async fn apply(&mut self, op: &Op<'_>, alone: bool) {
        let wait = match *op {
            Op::Wait(time) => Some(time),
            // Two steps to a deadline find an action that comes too early.
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
                for side in &self.sides {
                    side.calls.shut_down();
                }
                None
            }
            Op::Abandon => {
                for side in &self.sides {
                    side.calls.abandon();
                }
                None
            }
            _ => {
                self.with_wires(|wire| wire.apply(op));
                None
            }
        };
        if let Some(time) = wait {
            // The order of an arrival and a deadline at the same time is not defined.
            self.settle().await;
            self.pass(time).await;
        }
        if alone || wait.is_some() {
            self.settle().await;
        }
    }

    /// Calls `act` with the handles of both calls. No time passes.
    fn command(&self, act: impl Fn(&CallHandle)) -> Option<Duration> {
        for side in &self.sides {
            side.handle.iter().for_each(&act);
        }
        None
    }

    /// Ends both calls and asserts that both close.
    async fn finish(mut self, flags: u8) {
        self.settle().await;
        if flags & 2 == 0 {
            self.with_wires(Wire::take_everything);
            self.apply(&Op::ShutDown, true).await;
            self.with_wires(|wire| wire.apply(&Op::Eof));
        } else {
            // A peer that does not close its side.
            self.apply(&Op::ShutDown, true).await;
            if self.config.linger == Duration::MAX {
                self.apply(&Op::Abandon, false).await;
            } else {
                self.pass(self.config.linger).await;
            }
        }
        self.settle().await;
        assert!(self.plain.is_closed(), "the plain loop does not close");
        self.assert_ended_once();
        let [plain, tokio] = &self.sides;
        for side in [plain, tokio] {
            assert!(
                side.calls.is_empty(),
                "a closed connection is still counted"
            );
        }
        assert_asterisk_accepts(&plain.wire().sent);
    }

    /// Asserts that a started call ended exactly once, and that only the drop of its handler came after the end.
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

    /// Runs both sides until they wait, and asserts that they did the same.
    async fn settle(&mut self) {
        self.plain.settle();
        self.tokio.settle().await;
        let [plain, tokio] = &mut self.sides;
        let records = plain.take_records();
        assert_eq!(records, tokio.take_records(), "the callbacks differ");
        self.records.extend(records);
        let (mut plain, mut tokio) = (plain.wire(), tokio.wire());
        assert_eq!(
            plain.take_sent(),
            tokio.take_sent(),
            "the sent bytes differ"
        );
        assert_eq!([plain.misused, tokio.misused], [None; 2]);
        assert_eq!(self.plain.is_closed(), self.tokio.is_closed());
    }

    async fn pass(&mut self, time: Duration) {
        self.plain.pass(time);
        tokio::time::advance(time).await;
    }

    /// Returns the time to the next deadline, in whole milliseconds: the resolution of tokio's timers. Returns `None` without
    /// a deadline, and for a deadline more than a day away.
    fn time_to_deadline(&self) -> Option<Duration> {
        let time = self.plain.time_to_deadline()?;
        let millis = time.as_nanos().div_ceil(1_000_000);
        let millis = u64::try_from(millis).ok()?;
        let time = Duration::from_millis(millis);
        (time < Duration::from_secs(24 * 3600)).then_some(time)
    }

    fn with_wires(&self, act: impl Fn(&mut Wire)) {
        for side in &self.sides {
            act(&mut side.wire());
        }
    }
}

fn is_note(record: &Record) -> bool {
    matches!(record, Record::Note(_))
}
