use core::fmt;
use core::num::NonZeroU64;
use core::ops::Add;
use core::time::Duration;

/// A point in time, in nanoseconds since an epoch that the caller chose.
///
/// The core never reads a clock. The driver picks a monotonic clock and an epoch (the start
/// of the process, of the call, zero in a test) and keeps to them for the life of a session. With
/// `std`, [`Epoch`] converts from and to `std::time::Instant`.
///
/// An optional one takes no more memory: a call has some, and there can be thousands of calls.
///
/// ```
/// # use audiosocket_proto::Timestamp;
/// use core::time::Duration;
///
/// let start = Timestamp::ZERO;
/// let later = start + Duration::from_millis(20);
/// assert_eq!(later.saturating_since(start), Duration::from_millis(20));
/// assert_eq!(start.saturating_since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(Nanos);

impl Timestamp {
    /// The epoch itself.
    pub const ZERO: Self = Self::from_nanos(0);

    /// The point `nanos` nanoseconds after the epoch. The last nanosecond of the 584 years that can be
    /// represented and the one before it are the same point.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(Nanos::new(nanos))
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0.nanos()
    }

    /// The time that passed since `earlier`; zero if `earlier` is in fact later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.as_nanos().saturating_sub(earlier.as_nanos()))
    }
}

impl Default for Timestamp {
    fn default() -> Self {
        Self::ZERO
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timestamp").field(&self.as_nanos()).finish()
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    /// Saturates at the end of representable time, some 584 years after the epoch, so that
    /// "never" can be written as [`Duration::MAX`].
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.later_by(nanos_of(rhs)))
    }
}

/// A [`Duration`] in a quarter of the memory that an optional one takes; the longest are cut to 584 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CompactDuration(Nanos);

impl CompactDuration {
    pub(crate) const ZERO: Self = Self(Nanos::new(0));

    pub(crate) const fn duration(self) -> Duration {
        Duration::from_nanos(self.0.nanos())
    }
}

impl From<Duration> for CompactDuration {
    fn from(duration: Duration) -> Self {
        Self(Nanos::new(nanos_of(duration)))
    }
}

impl Add<CompactDuration> for Timestamp {
    type Output = Self;

    fn add(self, rhs: CompactDuration) -> Self {
        Self(self.0.later_by(rhs.0.nanos()))
    }
}

fn nanos_of(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Nanoseconds, as one more than there are, so that `None` has a value of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Nanos(NonZeroU64);

impl Nanos {
    const fn new(nanos: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanos))
    }

    const fn nanos(self) -> u64 {
        match self.0.get() {
            // What was too long, and must not come to an end either.
            u64::MAX => u64::MAX,
            nanos => nanos - 1,
        }
    }

    const fn later_by(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }
}

/// Ties [`Timestamp`] to `std::time::Instant`; one per server or per call, made by an adapter.
///
/// ```
/// use audiosocket_proto::Epoch;
/// use std::time::{Duration, Instant};
///
/// let started = Instant::now();
/// let epoch = Epoch::new(started);
/// let due = epoch.timestamp(started) + Duration::from_secs(5);
/// assert_eq!(epoch.instant(due), Some(started + Duration::from_secs(5)));
/// ```
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug)]
pub struct Epoch(std::time::Instant);

#[cfg(feature = "std")]
impl Epoch {
    /// Makes `instant` the epoch.
    #[must_use]
    pub fn new(instant: std::time::Instant) -> Self {
        Self(instant)
    }

    /// Where `instant` lies after the epoch; instants before it become [`Timestamp::ZERO`].
    #[must_use]
    pub fn timestamp(&self, instant: std::time::Instant) -> Timestamp {
        Timestamp::ZERO + instant.saturating_duration_since(self.0)
    }

    /// The instant that `timestamp` stands for, or `None` if the platform's clock cannot
    /// represent it: a deadline that never comes.
    #[must_use]
    pub fn instant(&self, timestamp: Timestamp) -> Option<std::time::Instant> {
        self.0
            .checked_add(Duration::from_nanos(timestamp.as_nanos()))
    }
}
