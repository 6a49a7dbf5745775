//! The options that fail a run: the limits of the audio, and the release of Asterisk.

use std::time::Duration;

use audiosocket_testing::asterisk::AsteriskRelease;
use audiosocket_testing::load::{AudioLimits, ExceededLimit, LoadTest};
use clap::Args;

use super::figures::millis;
use super::headings::CALLS;
use crate::duration;

/// The options. `-h` does not show those with `hide`.
#[derive(Debug, Args)]
pub(super) struct LimitArgs {
    /// Fail if a telephone would play the audio badly
    #[arg(long, help_heading = CALLS)]
    strict: bool,
    /// Longest lateness of a frame
    #[arg(long, value_name = "TIME", help_heading = CALLS, hide = true, value_parser = duration::parse)]
    max_lateness: Option<Duration>,
    /// Longest drift of a frame since the first
    #[arg(long, value_name = "TIME", help_heading = CALLS, hide = true, value_parser = duration::parse)]
    max_drift: Option<Duration>,
    /// Most audio in one burst
    #[arg(long, alias = "max-bursts", value_name = "TIME", help_heading = CALLS, hide = true, value_parser = duration::parse)]
    max_burst: Option<Duration>,
    /// Longest pause without audio
    #[arg(long, value_name = "TIME", help_heading = CALLS, hide = true, value_parser = duration::parse)]
    max_gap: Option<Duration>,
    /// Longest time to the echo of a frame
    #[arg(long, value_name = "TIME", help_heading = CALLS, hide = true, value_parser = duration::parse)]
    max_latency: Option<Duration>,
    /// Fail if the server closes without a hangup
    #[arg(long, help_heading = CALLS, hide = true)]
    require_hangup: bool,
    /// Behave like this release of Asterisk: 20.12
    #[arg(long, value_name = "RELEASE", help_heading = CALLS, hide = true)]
    asterisk: Option<AsteriskRelease>,
    /// Frames may pause for more than 5 ms
    #[arg(long, help_heading = CALLS, hide = true)]
    allow_pauses: bool,
}

impl LimitArgs {
    /// Adds the limits to a test. An option of its own replaces the limit of `--strict`.
    pub(super) fn apply(&self, mut test: LoadTest) -> LoadTest {
        let strict = match self.strict {
            true => AudioLimits::TELEPHONE,
            false => AudioLimits::default(),
        };
        if let Some(release) = self.asterisk {
            test = test.asterisk(release);
        }
        test.allow_pauses(self.allow_pauses)
            .require_hangup(self.require_hangup || self.strict)
            .limits(AudioLimits {
                lateness: self.max_lateness.or(strict.lateness),
                drift: self.max_drift.or(strict.drift),
                burst: self.max_burst.or(strict.burst),
                gap: self.max_gap.or(strict.gap),
                latency: self.max_latency.or(strict.latency),
            })
    }
}

/// Describes an exceeded limit, with both numbers.
pub(super) fn exceeded(limit: &ExceededLimit) -> String {
    format!(
        "{} of {} ms, the limit is {} ms (--max-{})",
        limit.limit,
        millis(limit.measured_us),
        millis(limit.limit_us),
        limit.limit
    )
}
