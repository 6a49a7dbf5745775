//! `audiosocket serve bot`: a small IVR that takes digits and repeats them.

mod dialogue;
mod speech;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use audiosocket_media::barge_in::Interrupters;
use audiosocket_tokio::{Acceptor, CallRequest};
use clap::Args;

use super::barge_in_args::BargeInArgs;
use super::caller_input::{CallerInput, InbandKeyOptions};
use super::play_rate::PlayRate;
use super::record::RecordOptions;
use super::start_at_rate::StartAtRate;
use super::{DEFAULT_TAIL, ServeArgs};
use crate::{duration, help};
use dialogue::{Dialogue, Script};

#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct BotArgs {
    /// Voice: see espeak-ng --voices
    #[arg(long, value_name = "NAME", help_heading = "Bot", default_value = "en")]
    voice: String,
    /// Repeat after N digits, or after #
    #[arg(long, value_name = "N", help_heading = "Bot", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=16))]
    digits: u8,
    /// Wait for a key; a minute at most
    #[arg(long, value_name = "TIME", help_heading = "Bot", hide = true, default_value = "5s", value_parser = parse_key_timeout)]
    key_timeout: Duration,
    /// Sample rate [default: the caller's, up to slin16]
    #[arg(long, value_name = "RATE", help_heading = "Bot", default_value = "auto", hide_default_value = true, value_parser = PlayRate::parse)]
    rate: PlayRate,
    #[command(flatten, next_help_heading = "Bot")]
    barge_in: BargeInArgs,
    /// Silence before the hangup, so that phones play the end
    #[arg(long, value_name = "TIME", help_heading = "Bot", hide = true, default_value = DEFAULT_TAIL, value_parser = duration::parse)]
    pub(super) tail: Duration,
    #[command(flatten)]
    pub(super) record: RecordOptions,
    #[command(flatten)]
    inband_keys: InbandKeyOptions,
    #[command(flatten)]
    pub(super) serve: ServeArgs,
}

const AFTER_HELP: &str = help::examples!(
    note: "Rates over slin: Asterisk 20.17, 21.12, 22.7, 23.1; over slin16: no packet loss",
    "program.md",
    "audiosocket serve bot --listen 0.0.0.0:9092",
    "audiosocket serve bot --digits 4 --key-timeout 10s",
    "audiosocket serve bot --voice en-us --rate slin",
);

/// The bot plays silence while it waits, and keeps it in memory. So the timeout has a bound.
fn parse_key_timeout(text: &str) -> Result<Duration, String> {
    let timeout = duration::parse_positive(text)?;
    if timeout > Duration::from_secs(60) {
        return Err("longer than a minute, the longest that is possible".to_owned());
    }
    Ok(timeout)
}

impl BotArgs {
    /// Speaks all texts. So a missing voice is an error before the first call.
    pub(super) fn acceptor(&self) -> io::Result<impl Acceptor + use<>> {
        let script = Script::new(
            &self.voice,
            usize::from(self.digits),
            self.rate,
            self.key_timeout,
        )?;
        let (script, rate, caller) = (Arc::new(script), self.rate, self.serve.caller);
        let inband_keys = self.inband_keys;
        let policy = self.barge_in.policy(Interrupters::Any, &self.serve);
        Ok(move |_: &CallRequest<'_>| {
            let input = CallerInput::new(caller, inband_keys, policy);
            let dialogue = Dialogue::new(Arc::clone(&script), input);
            Ok(StartAtRate::new(rate, dialogue))
        })
    }
}
