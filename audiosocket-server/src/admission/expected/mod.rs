//! Calls that the application knows of before they come.

mod call;
mod registry;

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::{Acceptor, CallRequest, Handler, Refusal};
use audiosocket_proto::{Epoch, Timestamp};
use registry::{Entered, Registry};

pub use call::{ExpectedCallHandler, ExpectedOnly, WithMetadata};

/// The calls that are expected, with what is known of each: caller number, tenant, language.
///
/// The application announces a UUID and its metadata `M` before Asterisk connects. A server
/// that [takes announced calls only](Self::then) refuses every other UUID, and has the metadata of
/// those that it takes. AudioSocket has no password; this makes one of the UUID.
///
/// ```
/// use audiosocket_server::{ExpectedCalls, CallRequest, Callbacks};
///
/// struct Caller {
///     number: String,
///     language: String,
/// }
///
/// let announced = ExpectedCalls::new();
///
/// // Wherever the dialplan asks, by AGI or HTTP; the answer is the UUID that it calls with.
/// let caller = Caller { number: "+4930123456".to_owned(), language: "de".to_owned() };
/// let uuid = announced.announce(caller)?;
///
/// // And for the server:
/// let acceptor = announced.then(|_: &CallRequest<'_>, caller| {
///     println!("{} speaks {}", caller.number, caller.language);
///     Ok(Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {}))
/// });
/// # drop(acceptor);
/// # Ok::<(), audiosocket_server::AnnounceError>(())
/// ```
///
/// # What is refused
///
/// An announcement is good for one call, which has to begin in [time](Self::valid_for). It is spent
/// when the call is let in, also if the acceptor behind then refuses it. Of calls that come at
/// once with one UUID exactly one is let in. The others are refused, each with a reason of its own:
/// a UUID that was never announced, whose announcement has expired or was
/// [withdrawn](Self::withdraw), whose call is over, or [whose call goes on](Duplicate). To tell
/// these apart the last 10,000 UUIDs that are good no more are remembered; older ones are as unknown
/// as all others.
///
/// # Whether a UUID can be guessed
///
/// [`announce`](Self::announce) makes a random UUID: 122 bits from the operating system. With
/// 10,000 announcements waiting and a million tries in a second, one is hit in some 10^19 years. Nor does the time that a refusal takes bring anybody nearer. UUIDs are found by a
/// hash under a key that is random and secret (`HashMap` with its SipHash), and are compared only
/// with one of the same hash; so the time says nothing of how much of a guess was right, and
/// comparison in constant time would hide nothing. All of this holds for as long as the UUID is a
/// secret between the application and Asterisk: whoever reads the network or Asterisk's log can use
/// it, within its time, before Asterisk does.
///
/// A UUID that [the application chose](Self::announce_as) is as good as its origin. Version 4 is random, and
/// so is what the dialplan's `${UUID()}` makes. Versions 1 and 6 are a clock and a network address,
/// and can be guessed.
///
/// # Clones
///
/// A clone is another handle of the same registry. The settings are those of a handle: they are
/// cloned with it, and changing them afterwards changes no other.
///
/// Nothing is ever done behind the caller's back: what has expired goes when something else is
/// announced or asked, so that no thread or timer is needed. What waits is bounded all the same.
#[derive(Debug)]
pub struct ExpectedCalls<M> {
    book: Arc<Mutex<Registry<M>>>,
    settings: Settings,
}

#[derive(Clone, Debug)]
struct Settings {
    valid_for: Duration,
    max_waiting: usize,
    on_duplicate: Duplicate,
    clock: Clock,
}

#[derive(Clone)]
struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

/// What becomes of a call whose UUID is that of an announced call which goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Duplicate {
    /// It is refused.
    #[default]
    Refuse,
    /// It takes the other one's place and metadata; the other one is hung up. For a dialplan that
    /// calls again with the same UUID when its connection broke, which the server may be last to
    /// notice. Whoever learns the UUID of a call can then take the call over.
    Replace,
}

/// Why a call was not announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnnounceError {
    /// As many as [may wait](ExpectedCalls::max_waiting) do wait.
    Full,
    /// The UUID has been announced, and its call is still awaited.
    Waiting,
    /// The UUID is that of a call that goes on.
    InCall,
}

impl<M> ExpectedCalls<M> {
    /// Expects nobody yet.
    #[must_use]
    pub fn new() -> Self {
        let epoch = Epoch::new(Instant::now());
        let clock = move || epoch.timestamp(Instant::now());
        Self {
            book: Arc::default(),
            settings: Settings {
                valid_for: Duration::from_secs(30),
                max_waiting: 10_000,
                on_duplicate: Duplicate::default(),
                clock: Clock(Arc::new(clock)),
            },
        }
    }

    /// How long an announced call may take to come. Default: 30 s.
    #[must_use]
    pub fn valid_for(mut self, time: Duration) -> Self {
        self.settings.valid_for = time;
        self
    }

    /// How many announced calls may be awaited at once. Default: 10,000.
    #[must_use]
    pub fn max_waiting(mut self, calls: usize) -> Self {
        self.settings.max_waiting = calls;
        self
    }

    /// What becomes of a second call with the UUID of one that goes on. Default:
    /// [`Duplicate::Refuse`].
    #[must_use]
    pub fn on_duplicate(mut self, policy: Duplicate) -> Self {
        self.settings.on_duplicate = policy;
        self
    }

    /// The clock that [`valid_for`](Self::valid_for) is measured by: for tests, and for runtimes whose
    /// clock can stand still. Clones have to have the same one. Default: that of
    /// [`Instant`], which is read nowhere else in what a server decides.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.settings.clock = Clock(Arc::new(now));
        self
    }
}

impl<M> ExpectedCalls<M> {
    /// Announces a call, and makes its UUID, which is random and not to be guessed.
    ///
    /// # Errors
    ///
    /// [`AnnounceError::Full`].
    ///
    /// # Panics
    ///
    /// If the operating system has no random numbers to give.
    pub fn announce(&self, metadata: M) -> Result<Uuid, AnnounceError> {
        let uuid = Uuid::new_v4();
        self.announce_as(uuid, metadata)?;
        Ok(uuid)
    }

    /// Announces a call of a UUID that was made elsewhere; see [above](Self#whether-a-uuid-can-be-guessed)
    /// for what it should be. One that was good already, and is no more, can be announced again.
    ///
    /// # Errors
    ///
    /// Any [`AnnounceError`].
    pub fn announce_as(&self, uuid: Uuid, metadata: M) -> Result<(), AnnounceError> {
        let metadata = Arc::new(metadata);
        let Settings {
            valid_for,
            max_waiting,
            ..
        } = self.settings;
        self.with(|book, now| {
            book.announce(uuid, Arc::clone(&metadata), now + valid_for, max_waiting)
        })
    }

    /// Takes an announcement back, and returns what it said; nothing if no call of this UUID is
    /// awaited.
    pub fn withdraw(&self, uuid: Uuid) -> Option<Arc<M>> {
        self.with(|book, _now| book.withdraw(uuid))
    }

    /// What was announced of a call that goes on: from before its acceptor is asked until after its
    /// last callback. Nothing before and after that, or if the call was not announced.
    #[must_use]
    pub fn metadata(&self, uuid: Uuid) -> Option<Arc<M>> {
        self.lock().metadata(uuid)
    }

    /// How many announced calls are awaited.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.with(|book, _now| book.waiting())
    }

    /// An acceptor that takes announced calls only, and has `accept` make their handlers: a
    /// closure, the types of whose arguments are `&CallRequest<'_>` and `Arc<M>`.
    #[must_use]
    pub fn then<F, H>(self, accept: F) -> ExpectedOnly<M, WithMetadata<M, F>>
    where
        F: Fn(&CallRequest<'_>, Arc<M>) -> Result<H, Refusal> + Send + Sync + 'static,
        H: Handler,
        M: Send + Sync + 'static,
    {
        let acceptor = WithMetadata::new(self.clone(), accept);
        self.guard(acceptor)
    }

    /// Has `acceptor` asked of announced calls only: [`Callbacks`](crate::Callbacks),
    /// [`incoming`](crate::incoming()), or any other. It gets at the metadata by
    /// [`metadata`](Self::metadata).
    #[must_use]
    pub fn guard<A>(self, acceptor: A) -> ExpectedOnly<M, A>
    where
        A: Acceptor,
        M: Send + Sync + 'static,
    {
        ExpectedOnly::new(self, acceptor)
    }

    /// A call of this UUID wants to begin.
    fn enter(&self, uuid: Uuid) -> Result<Entered, Refusal> {
        let policy = self.settings.on_duplicate;
        self.with(|book, _now| book.enter(uuid, policy))
    }

    /// Acts on what has not expired.
    fn with<R>(&self, act: impl FnOnce(&mut Registry<M>, Timestamp) -> R) -> R {
        let now = (self.settings.clock.0)();
        let mut book = self.lock();
        let expired = book.purge(now);
        let result = act(&mut book, now);
        drop(book);
        // Which runs the application's code, which may come back here.
        drop(expired);
        result
    }

    fn lock(&self) -> MutexGuard<'_, Registry<M>> {
        // Nothing that can panic runs under the lock, so a poisoned one is as good as any.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M> Clone for ExpectedCalls<M> {
    fn clone(&self) -> Self {
        Self {
            book: Arc::clone(&self.book),
            settings: self.settings.clone(),
        }
    }
}

impl<M> Default for ExpectedCalls<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for AnnounceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "too many announced calls are awaited",
            Self::Waiting => "the UUID has been announced already",
            Self::InCall => "the UUID is that of a call that goes on",
        })
    }
}

impl Error for AnnounceError {}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
