//! The state that the handles and the connection of a call share.

use std::collections::VecDeque;
use std::mem;
#[cfg(all(feature = "handover", unix))]
use std::sync::atomic::AtomicBool;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::Bytes;
use uuid::Uuid;

use crate::admission::expected::Metadata;
use crate::call::commands::{Commands, EndRequest};
use crate::call::deadline_timer::DeadlineTimer;
use crate::call::play::played::PlayedSender;
use crate::call::play::waiting::WaitingPlays;
use crate::call::stats::{AtomicCount, AtomicEvent, AtomicRate, AtomicStats};
use crate::call::times::{AtomicTimes, LaggedAudio};
#[cfg(all(feature = "handover", unix))]
use crate::handover::offers::CallHandover;
use crate::{CallStats, CallTimes, LastEvent, Peer};
use audiosocket_proto::{MarkOutcome, Playout, SampleRate, SessionConfig, SessionStats, Timestamp};

/// The state that a connection shares with the [`CallHandle`](crate::CallHandle)s of its call.
///
/// Dropping audio and waking a task can run code of other crates, which may call this type again. So both
/// happen after the lock is released.
#[derive(Debug)]
pub(crate) struct CallControl {
    /// Bits of [`Commands`]. The connection takes the lock only if a bit is set.
    commands: AtomicU8,
    /// The rate of the caller's audio.
    sample_rate: AtomicRate,
    /// The rate of the last sent frame.
    rate_sent: AtomicRate,
    pub(crate) retransmissions: AtomicCount,
    /// Another process asks for the call. Here and not in the connection, so that its task keeps its size.
    #[cfg(all(feature = "handover", unix))]
    pub(crate) handover_requested: AtomicBool,
    session_stats: AtomicStats,
    pub(crate) times: AtomicTimes,
    uuid: OnceLock<Uuid>,
    /// The peer of the connection.
    peer: Peer,
    /// For reports only. All decisions use the clock of the driver.
    connected_at: Instant,
    last_event: AtomicEvent,
    /// The client, if the peer of the connection is a proxy and its header has arrived.
    proxied_peer: OnceLock<Box<Peer>>,
    inner: Mutex<ControlState>,
}

#[derive(Debug)]
pub(crate) struct ControlState {
    pub(crate) playout: Playout<Mark>,
    pub(crate) rare: Option<Box<Rare>>,
    /// Wakes the connection. `None` before its first poll, and after its end.
    pub(crate) waker: Option<Waker>,
}

/// State that most calls do not have.
#[derive(Debug, Default)]
pub(crate) struct Rare {
    /// `play` futures that wait for room.
    pub(crate) waiting_plays: WaitingPlays,
    /// The number of [`Prebuffer`](crate::Prebuffer)s so far.
    pub(crate) prebuffers: u64,
    /// The metadata of an expected call, once its UUID has come.
    metadata: Option<Metadata>,
    codec: Option<&'static str>,
    /// The timer to start. A later one replaces it.
    timer: Option<Arc<DeadlineTimer>>,
    /// Audio of the caller that was dropped.
    pub(crate) lagged: Option<LaggedAudio>,
    /// The handover of the call to another process.
    #[cfg(all(feature = "handover", unix))]
    pub(crate) handover: Option<CallHandover>,
}

/// A mark in the playout's queue.
#[derive(Debug)]
pub(crate) enum Mark {
    /// For the handler.
    Handler(u64),
    /// For a future [`Played`](crate::Played).
    Future(PlayedSender),
}

/// The source of a change of the playout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommandSource {
    /// A callback. The connection polls the playout after it.
    Callback,
    /// A handle. The change must wake the connection.
    Handle,
}

impl CallControl {
    pub(crate) fn new(
        config: &SessionConfig,
        peer: Peer,
        accepted_at: Timestamp,
        now: Timestamp,
    ) -> Self {
        let (age, started) = (now.saturating_since(accepted_at), Instant::now());
        Self {
            commands: AtomicU8::new(0),
            sample_rate: AtomicRate::default(),
            rate_sent: AtomicRate::default(),
            retransmissions: AtomicCount::default(),
            #[cfg(all(feature = "handover", unix))]
            handover_requested: AtomicBool::new(false),
            session_stats: AtomicStats::default(),
            times: AtomicTimes::new(accepted_at),
            uuid: OnceLock::new(),
            peer,
            // The clock of the system may have begun after a call of another process.
            connected_at: started.checked_sub(age).unwrap_or(started),
            last_event: AtomicEvent::default(),
            proxied_peer: OnceLock::new(),
            inner: Mutex::new(ControlState {
                playout: Playout::new(config),
                rare: None,
                waker: None,
            }),
        }
    }

    pub(crate) fn peer(&self) -> &Peer {
        self.proxied_peer.get().map_or(&self.peer, |peer| peer)
    }

    /// Returns whether a proxy has sent its client.
    pub(crate) fn is_proxied(&self) -> bool {
        self.proxied_peer.get().is_some()
    }

    /// Stores the client of the proxy.
    pub(crate) fn set_proxied_peer(&self, client: Peer) {
        // A connection has one header.
        let _ = self.proxied_peer.set(Box::new(client));
    }

    pub(crate) fn age(&self) -> Duration {
        self.connected_at.elapsed()
    }

    /// Stores the last event, and its time since the connection came.
    pub(crate) fn note(&self, event: LastEvent, at: Duration) {
        self.last_event.store(event, at);
    }

    pub(crate) fn last_event(&self) -> Option<(LastEvent, Duration)> {
        self.last_event.load()
    }

    /// Stores the UUID.
    pub(crate) fn set_uuid(&self, uuid: Uuid) {
        // A session refuses a second UUID.
        let _ = self.uuid.set(uuid);
    }

    pub(crate) fn uuid(&self) -> Option<Uuid> {
        self.uuid.get().copied()
    }

    /// Stores the rate of the caller's audio.
    pub(crate) fn received(&self, rate: SampleRate) {
        self.sample_rate.store(Some(rate));
        self.lock().playout.received(rate);
    }

    pub(crate) fn sample_rate(&self) -> Option<SampleRate> {
        self.sample_rate.load()
    }

    /// Changes the playout. Wakes the connection if the time of its next poll has changed.
    ///
    /// `act` also gets two lists: audio to drop and tasks to wake after the lock is released.
    pub(crate) fn change<R>(
        &self,
        source: CommandSource,
        act: impl FnOnce(&mut ControlState, &mut Vec<Bytes>, &mut Vec<Waker>) -> R,
    ) -> R {
        let (mut dropped, mut wakers) = (Vec::new(), Vec::new());
        let mut inner = self.lock();
        let before = inner.playout.poll_timeout();
        let result = act(&mut inner, &mut dropped, &mut wakers);
        let playout = &inner.playout;
        let changed = playout.poll_timeout() != before || playout.awaits_drain();
        let waker = (changed && source == CommandSource::Handle)
            .then(|| self.add_command(Commands::PLAYOUT_CHANGED))
            .filter(|is_first| *is_first)
            .and_then(|_| inner.waker.clone());
        drop(inner);
        wakers.into_iter().chain(waker).for_each(Waker::wake);
        drop(dropped);
        result
    }

    /// Asks the connection to end the call.
    pub(crate) fn end(&self, request: EndRequest) {
        self.command(match request {
            EndRequest::HangUp => Commands::HANG_UP,
            EndRequest::ShutDown => Commands::SHUT_DOWN,
            EndRequest::Abandon => Commands::ABANDON,
        });
    }

    pub(crate) fn set_metadata(&self, metadata: Metadata) {
        self.lock().rare().metadata = Some(metadata);
    }

    pub(crate) fn metadata(&self) -> Option<Metadata> {
        self.lock().rare.as_ref()?.metadata.clone()
    }

    pub(crate) fn set_codec(&self, codec: &'static str) {
        self.lock().rare().codec = Some(codec);
    }

    pub(crate) fn codec(&self) -> Option<&'static str> {
        self.lock().rare.as_ref()?.codec
    }

    /// Asks the connection to start this timer. It replaces an earlier one.
    pub(crate) fn set_timer(&self, timer: Arc<DeadlineTimer>) {
        let replaced = self.lock().rare().timer.replace(timer);
        drop(replaced);
        self.command(Commands::START_TIMER);
    }

    pub(crate) fn take_timer(&self) -> Option<Arc<DeadlineTimer>> {
        self.lock().rare.as_mut()?.timer.take()
    }

    /// Reports to the connection that the server began to shut down.
    pub(crate) fn notify_shutdown(&self) {
        self.command(Commands::SHUTDOWN_BEGAN);
    }

    /// Adds a command, and wakes the connection.
    pub(crate) fn command(&self, command: u8) {
        if self.add_command(command) {
            let waker = self.lock().waker.clone();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Adds a command. Returns whether no earlier command waits. An earlier one has already woken the connection.
    fn add_command(&self, command: u8) -> bool {
        // If both ways to hang up are requested, the first one counts.
        let ends = Commands::HANG_UP | Commands::SHUT_DOWN;
        let add = |commands: u8| {
            let is_second = command & ends != 0 && commands & ends != 0;
            Some(if is_second {
                commands
            } else {
                commands | command
            })
        };
        let added = self
            .commands
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
        added == Ok(0)
    }

    /// Returns whether there are commands to take.
    #[inline]
    pub(crate) fn has_commands(&self) -> bool {
        self.commands.load(Ordering::Acquire) != 0
    }

    /// Returns whether a handle has changed the playout since the last [`take_commands`](Self::take_commands).
    #[cfg(all(feature = "handover", unix))]
    pub(crate) fn playout_changed(&self) -> bool {
        Commands(self.commands.load(Ordering::Acquire)).playout_changed()
    }

    /// Takes the commands that came since the last call. More commands wake `waker`.
    pub(crate) fn take_commands(&self, waker: &Waker) -> Commands {
        // The waker is stored first, so that a command after the exchange finds it.
        let waker = Some(waker.clone());
        let replaced = mem::replace(&mut self.lock().waker, waker);
        let commands = self.commands.swap(0, Ordering::AcqRel);
        // Dropped without the lock: it can drop a task, whose code may call this type again.
        drop(replaced);
        Commands(commands)
    }

    /// Publishes the counters of the session, and the rate of the last sent frame.
    #[inline]
    pub(crate) fn publish(&self, stats: &SessionStats, rate_sent: Option<SampleRate>) {
        self.session_stats.store(stats);
        self.rate_sent.store(rate_sent);
    }

    pub(crate) fn stats(&self) -> CallStats {
        let playout = self.lock().playout.stats();
        CallStats {
            session: self.session_stats.load(),
            playout,
            rate_sent: self.rate_sent.load(),
            retransmissions: self.retransmissions.load(),
        }
    }

    pub(crate) fn times(&self) -> CallTimes {
        let mut times = self.times.load();
        let since_accept = |at| self.times.since_accept(at);
        let inner = self.lock();
        times.first_late = inner.playout.first_late().map(since_accept);
        times.first_underrun = inner.playout.first_underrun().map(since_accept);
        if let Some(lagged) = inner.rare.as_ref().and_then(|rare| rare.lagged) {
            times.lagged_since = Some(lagged.since);
            times.lagged_frames = lagged.frames;
        }
        times
    }

    /// Notes frames of the caller that were dropped because the handler is too slow.
    pub(crate) fn note_lag(&self, now: Timestamp, frames: u64) {
        let since = self.times.since_accept(now);
        let (mut inner, first) = (self.lock(), LaggedAudio { since, frames: 0 });
        let lagged = inner.rare().lagged.get_or_insert(first);
        lagged.frames = lagged.frames.saturating_add(frames);
    }

    /// Closes the playout. Marks and `play` futures report that the call is over.
    pub(crate) fn close_playout(&self) {
        let (mut dropped, mut wakers) = (Vec::new(), Vec::new());
        let mut inner = self.lock();
        let marks: VecDeque<_> = inner.playout.close(&mut dropped);
        inner.cancel_plays(&mut wakers);
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
        drop(marks);
        drop(dropped);
    }

    /// Drops the waker at the end of the connection. Handles can live longer, and the waker would keep a whole
    /// task in memory.
    pub(crate) fn forget_waker(&self) {
        let mut inner = self.lock();
        let waker = inner.waker.take();
        #[cfg(all(feature = "handover", unix))]
        let handover = inner.rare.as_mut().and_then(|rare| rare.handover.take());
        drop(inner);
        drop(waker);
        #[cfg(all(feature = "handover", unix))]
        drop(handover);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, ControlState> {
        // No code under the lock panics, so a poisoned lock holds a valid state.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ControlState {
    pub(crate) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Cancels the plays that wait for room, and wakes them.
    pub(crate) fn cancel_plays(&mut self, wakers: &mut Vec<Waker>) {
        if let Some(rare) = &mut self.rare {
            rare.waiting_plays.cancel(wakers);
        }
    }
}

impl EndRequest {
    /// Returns the request that counts if this request comes after `before`. The first request counts, but
    /// [`EndRequest::Abandon`] always counts.
    pub(crate) fn after(self, before: Option<Self>) -> Self {
        match before {
            Some(before) if self != Self::Abandon => before,
            _ => self,
        }
    }
}

impl Mark {
    /// Reports that the mark was reached. Returns it if it is for the handler.
    pub(crate) fn reached(self, outcome: MarkOutcome) -> Option<u64> {
        match self {
            Self::Handler(mark) => Some(mark),
            Self::Future(sender) => {
                sender.resolve(outcome);
                None
            }
        }
    }
}
