//! What may interrupt a server that plays: `--barge-in` and its options.

use std::io;
use std::time::Duration;

use audiosocket_media::barge_in::{BargeInOptions, Interrupters};
use clap::Args;

use super::ServeArgs;
use crate::duration;

/// More speech than this would be no interruption.
const LONGEST_LEAST: Duration = Duration::from_secs(5);

#[derive(Args, Clone, Copy, Debug)]
pub(super) struct BargeInArgs {
    /// What interrupts: any, speech, keys or nothing
    #[arg(long, value_name = "WHAT", num_args = 0..=1, require_equals = true, default_missing_value = "any", value_parser = parse_interrupters)]
    barge_in: Option<Interrupters>,
    /// Nothing interrupts the first TIME
    #[arg(long, value_name = "TIME", hide = true, value_parser = duration::parse_positive)]
    protect: Option<Duration>,
    /// Speech that is enough to interrupt
    #[arg(long, value_name = "TIME", hide = true, value_parser = parse_least_speech)]
    least_speech: Option<Duration>,
    /// Play on until it is certain that the caller speaks
    #[arg(long, hide = true)]
    no_pause: bool,
}

/// What interrupts a call, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct BargeInPolicy {
    pub(super) options: BargeInOptions,
    /// Whether the call pauses until it is certain whether the caller speaks.
    pub(super) pauses: bool,
}

fn parse_interrupters(text: &str) -> Result<Interrupters, String> {
    match text {
        "any" => Ok(Interrupters::Any),
        "speech" => Ok(Interrupters::Speech),
        "keys" => Ok(Interrupters::Keys),
        "nothing" => Ok(Interrupters::Nothing),
        _ => Err("write any, speech, keys or nothing".to_owned()),
    }
}

fn parse_least_speech(text: &str) -> Result<Duration, String> {
    let least = duration::parse_positive(text)?;
    if least > LONGEST_LEAST {
        return Err("longer than 5s, the longest that is possible".to_owned());
    }
    Ok(least)
}

impl BargeInArgs {
    /// Returns the policy of each call. `default` interrupts without `--barge-in`.
    pub(super) fn policy(self, default: Interrupters, serve: &ServeArgs) -> BargeInPolicy {
        let options = BargeInOptions::default()
            .interrupters(self.barge_in.unwrap_or(default))
            .protect(self.protect.unwrap_or_default());
        BargeInPolicy {
            options: match self.least_speech {
                Some(least) => options.least_speech(least),
                None => options,
            },
            // The end of a pause is noticed when silence leaves.
            pauses: !self.no_pause && !serve.no_silence,
        }
    }

    /// Returns the policy of each call, or `None` without `--barge-in`.
    pub(super) fn policy_if_given(self, serve: &ServeArgs) -> io::Result<Option<BargeInPolicy>> {
        let has_options = self.protect.is_some() || self.least_speech.is_some() || self.no_pause;
        if self.barge_in.is_none() && has_options {
            return Err(io::Error::other(
                "--protect, --least-speech and --no-pause need --barge-in",
            ));
        }
        let policy = self.policy(Interrupters::Nothing, serve);
        Ok(policy
            .options
            .interrupters
            .ne(&Interrupters::Nothing)
            .then_some(policy))
    }
}
