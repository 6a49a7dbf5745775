//! Calls that the application announces before they arrive.

mod registry;
mod uuids;

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use audiosocket_proto::{Epoch, Timestamp};
use registry::Registry;

pub(crate) use uuids::{ExpectedCall, ExpectedUuids, Metadata, UuidInUse};

/// The calls that the application expects, each with metadata: caller number, tenant, language.
///
/// The application announces a UUID and its metadata `M` before Asterisk connects. A server with these
/// [expected calls](crate::Admission::expected_calls) refuses every other UUID. The metadata of an accepted call is on the
/// call. AudioSocket has no password. An announced UUID serves as one.
///
/// ```
/// # use audiosocket_server::{Admission, Callbacks, ExpectedCalls, Refusal, acceptor_fn};
/// struct Caller {
///     number: String,
///     language: String,
/// }
///
/// let expected = ExpectedCalls::new();
///
/// // The dialplan asks for a UUID, by AGI or HTTP. Asterisk then sends this UUID.
/// let caller = Caller { number: "+4930123456".to_owned(), language: "de".to_owned() };
/// let uuid = expected.announce(caller)?;
///
/// // For the server:
/// let admission = Admission::new().expected_calls(&expected);
/// let acceptor = acceptor_fn(|request| {
///     let caller = request.metadata::<Caller>().ok_or(Refusal::new("no caller"))?;
///     println!("{} speaks {}", caller.number, caller.language);
///     Ok(Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {}))
/// });
/// # drop((admission, acceptor, uuid));
/// # Ok::<(), audiosocket_server::AnnounceError>(())
/// ```
///
/// # What is refused
///
/// An announcement is good for one call, which must start in [time](Self::valid_for). The call uses it up when its UUID
/// arrives, even if the acceptor then refuses the call. If several calls with one UUID arrive at once, exactly one
/// starts. The server refuses the others, each with its reason: the UUID was never announced, its announcement has
/// expired or was [withdrawn](Self::withdraw), its call is over, or [its call goes on](Duplicate). A UUID is in use
/// until the handler of its call is dropped. To give these reasons, the registry remembers the last 10,000 UUIDs that
/// can no longer start a call. It refuses older ones like UUIDs that were never announced.
///
/// # Whether a UUID can be guessed
///
/// [`announce`](Self::announce) makes a random UUID: 122 bits from the operating system. With 10,000
/// announcements waiting and a million attempts per second, an attacker guesses one in about 10^19 years. The time
/// of a refusal gives no hint: the registry finds UUIDs by a hash under a random, secret key (`HashMap` with its
/// SipHash), and compares only UUIDs of the same hash. The time does not depend on how much of a guess was right.
/// A comparison in constant time would hide nothing more. This holds while the UUID is a secret between the
/// application and Asterisk. A reader of the network or of Asterisk's log can use it, within
/// its time, before Asterisk does.
///
/// A UUID that [the application chose](Self::announce_as) is as secret as its origin. Version 4 is random, and so
/// is the result of the dialplan's `${UUID()}`. Versions 1 and 6 consist of a clock and a network address, and
/// can be guessed.
///
/// # Clones
///
/// A clone is another handle of the same registry. The settings belong to the handle: a clone copies them, and
/// later changes affect no other handle.
///
/// No thread and no timer runs for a registry: an expired announcement is removed when the application or a call uses
/// the registry the next time. The number of waiting announcements is bounded by [`max_waiting`](Self::max_waiting).
pub struct ExpectedCalls<M> {
    registry: Arc<Mutex<Registry<M>>>,
    settings: Settings,
}

#[derive(Clone)]
struct Settings {
    valid_for: Duration,
    max_waiting: usize,
    on_duplicate: Duplicate,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// The policy for a new call with the UUID of an expected call that goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Duplicate {
    /// The new call is refused.
    #[default]
    Refuse,
    /// The new call replaces the other one and gets its metadata. The other one is hung up. Use this for a dialplan
    /// that calls again with the same UUID after its connection broke: the server may notice the break later. With this
    /// policy, an attacker who learns the UUID of a call can replace the call.
    Replace,
}

/// The reason for which a call was not announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnnounceError {
    /// [`max_waiting`](ExpectedCalls::max_waiting) announced calls that have not arrived are in the registry already.
    Full,
    /// The UUID is announced already, and its call has not arrived.
    Waiting,
    /// A call with this UUID goes on.
    InCall,
}

impl<M> ExpectedCalls<M> {
    /// Returns a registry without announced calls.
    #[must_use]
    pub fn new() -> Self {
        let epoch = Epoch::new(Instant::now());
        let clock = move || epoch.timestamp(Instant::now());
        Self {
            registry: Arc::default(),
            settings: Settings {
                valid_for: Duration::from_secs(30),
                max_waiting: 10_000,
                on_duplicate: Duplicate::default(),
                clock: Arc::new(clock),
            },
        }
    }

    /// Sets how long an announced call may take to arrive. Default: 30 s.
    #[must_use]
    pub fn valid_for(mut self, time: Duration) -> Self {
        self.settings.valid_for = time;
        self
    }

    /// Sets how many announced calls may wait at once. Default: 10,000.
    #[must_use]
    pub fn max_waiting(mut self, calls: usize) -> Self {
        self.settings.max_waiting = calls;
        self
    }

    /// Sets what happens to a second call with the UUID of a call that goes on. Default: [`Duplicate::Refuse`].
    #[must_use]
    pub fn on_duplicate(mut self, policy: Duplicate) -> Self {
        self.settings.on_duplicate = policy;
        self
    }

    /// Sets the clock for [`valid_for`](Self::valid_for). For tests, and for runtimes whose clock can be paused. All
    /// clones need the same clock. Default: [`Instant::now`]. A server reads it for no other decision.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.settings.clock = Arc::new(now);
        self
    }
}

impl<M> ExpectedCalls<M> {
    /// Announces a call. Returns its UUID, which is random and cannot be guessed.
    ///
    /// # Errors
    ///
    /// [`AnnounceError::Full`] if [`max_waiting`](Self::max_waiting) announced calls have not arrived.
    ///
    /// # Panics
    ///
    /// If the operating system has no random numbers.
    pub fn announce(&self, metadata: M) -> Result<Uuid, AnnounceError> {
        let uuid = Uuid::new_v4();
        self.announce_as(uuid, metadata)?;
        Ok(uuid)
    }

    /// Announces a call with a UUID that you choose. See [above](Self#whether-a-uuid-can-be-guessed) for its secrecy.
    ///
    /// A UUID whose call is over, or whose announcement expired or was withdrawn, can be announced
    /// again.
    ///
    /// # Errors
    ///
    /// Any [`AnnounceError`]: see its variants.
    pub fn announce_as(&self, uuid: Uuid, metadata: M) -> Result<(), AnnounceError> {
        // This owner lives until the lock is released: a drop of the metadata runs application code.
        let metadata = Arc::new(metadata);
        let Settings {
            valid_for,
            max_waiting,
            ..
        } = self.settings;
        self.with(|registry, now| {
            registry.announce(uuid, Arc::clone(&metadata), now + valid_for, max_waiting)
        })
    }

    /// Withdraws an announcement, and returns its metadata. Returns `None` if no announced call with this UUID waits.
    pub fn withdraw(&self, uuid: Uuid) -> Option<Arc<M>> {
        self.with(|registry, _now| registry.withdraw(uuid))
    }

    /// Returns how many announced calls have not arrived.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.with(|registry, _now| registry.waiting())
    }

    /// Runs `act` after the expired announcements are removed.
    fn with<R>(&self, act: impl FnOnce(&mut Registry<M>, Timestamp) -> R) -> R {
        let now = (self.settings.clock)();
        let mut registry = self.lock();
        let expired = registry.purge(now);
        let result = act(&mut registry, now);
        drop(registry);
        // Not under the lock: this runs application code, which may use the registry.
        drop(expired);
        result
    }

    fn lock(&self) -> MutexGuard<'_, Registry<M>> {
        // A panic under the lock leaves the state valid, so a poisoned lock is usable.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M> Clone for ExpectedCalls<M> {
    fn clone(&self) -> Self {
        Self {
            registry: Arc::clone(&self.registry),
            settings: self.settings.clone(),
        }
    }
}

impl<M> Default for ExpectedCalls<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> fmt::Debug for ExpectedCalls<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExpectedCalls")
            .field("valid_for", &self.settings.valid_for)
            .field("max_waiting", &self.settings.max_waiting)
            .field("on_duplicate", &self.settings.on_duplicate)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for AnnounceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "too many announced calls wait; raise `max_waiting`",
            Self::Waiting => {
                "the UUID is announced, and its call has not arrived; withdraw it or use another UUID"
            }
            Self::InCall => {
                "a call with this UUID goes on; use another UUID, or wait until the call ends"
            }
        })
    }
}

impl Error for AnnounceError {}
