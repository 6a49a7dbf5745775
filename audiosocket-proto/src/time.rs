use core::fmt;
use core::num::NonZeroU64;
use core::ops::Add;
use core::time::Duration;

/// A point in time, in nanoseconds since an epoch that you choose.
///
/// This crate never reads a clock. The driver chooses a monotonic clock and an epoch, such as the start of the
/// call, and uses them for the whole life of a session. A test starts at zero. With the feature `std`,
/// [`Epoch`] converts to and from `std::time::Instant`.
///
/// `Option<Timestamp>` takes eight bytes, as `Timestamp` does.
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
    /// The epoch.
    pub const ZERO: Self = Self::from_nanos(0);

    /// Returns the point `nanos` nanoseconds after the epoch. The range is 584 years. Its last two nanoseconds
    /// are the same point.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(Nanos::new(nanos))
    }

    /// Returns the nanoseconds since the epoch.
    #[must_use]
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0.nanos()
    }

    /// Returns the time since `earlier`. It is zero if `earlier` is later.
    #[must_use]
    #[inline]
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

    /// Returns the point `rhs` after this one. It saturates 584 years after the epoch, so
    /// [`Duration::MAX`] stands for "never".
    #[inline]
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.later_by(nanos_of(rhs)))
    }
}

/// A [`Duration`] of at most 584 years, in eight bytes. An optional one takes eight bytes too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CompactDuration(Nanos);

impl CompactDuration {
    pub(crate) const ZERO: Self = Self(Nanos::new(0));
}

impl From<Duration> for CompactDuration {
    fn from(duration: Duration) -> Self {
        Self(Nanos::new(nanos_of(duration)))
    }
}

impl Add<CompactDuration> for Timestamp {
    type Output = Self;

    #[inline]
    fn add(self, rhs: CompactDuration) -> Self {
        Self(self.0.later_by(rhs.0.nanos()))
    }
}

fn nanos_of(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A number of nanoseconds plus one, so that zero is free for `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Nanos(NonZeroU64);

impl Nanos {
    const fn new(nanos: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanos))
    }

    const fn nanos(self) -> u64 {
        match self.0.get() {
            // The saturated value means "never", and must not become shorter.
            u64::MAX => u64::MAX,
            nanos => nanos - 1,
        }
    }

    const fn later_by(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }
}

/// Converts between [`Timestamp`] and `std::time::Instant`.
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
    /// Creates an epoch at `instant`.
    #[must_use]
    pub fn new(instant: std::time::Instant) -> Self {
        Self(instant)
    }

    /// Converts `instant` to a timestamp. An instant before the epoch becomes [`Timestamp::ZERO`].
    #[must_use]
    #[inline]
    pub fn timestamp(&self, instant: std::time::Instant) -> Timestamp {
        Timestamp::ZERO + instant.saturating_duration_since(self.0)
    }

    /// Converts `timestamp` to an instant. Returns `None` if the platform's clock cannot represent it, as for a
    /// deadline that never comes.
    #[must_use]
    #[inline]
    pub fn instant(&self, timestamp: Timestamp) -> Option<std::time::Instant> {
        self.0
            .checked_add(Duration::from_nanos(timestamp.as_nanos()))
    }
}
