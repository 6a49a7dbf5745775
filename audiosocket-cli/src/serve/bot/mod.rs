//! `audiosocket serve bot`: a small IVR, which takes digits and repeats them.

mod dialogue;
mod espeak;
mod speech;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use audiosocket_media::SampleRate;
use audiosocket_tokio::{Acceptor, CallRequest};
use clap::Args;

use super::ServeArgs;
use crate::duration;
use dialogue::{Dialogue, Script};
use speech::Speech;

#[derive(Args, Debug)]
pub(crate) struct BotArgs {
    /// The voice or language of espeak-ng, as `espeak-ng --voices` lists them. What is said is
    /// English
    #[arg(long, value_name = "NAME", default_value = "en")]
    voice: String,
    /// The rate to speak at: slin (8 kHz), slin12, slin16, slin24, ... Asterisk makes of it what the
    /// call's codec wants
    #[arg(long, default_value_t = SampleRate::Hz16000)]
    rate: SampleRate,
    /// How many digits are repeated without waiting for `#`
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=16))]
    digits: u8,
    /// How long to wait for a key, a minute at most. Then the digits are repeated, or if there are
    /// none, the caller is asked again: three times, then the bot says goodbye
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_timeout)]
    timeout: Duration,
    /// How long espeak-ng may take before it is killed; the bot then says that it is sorry and hangs
    /// up
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::parse_positive)]
    speech_timeout: Duration,
    #[command(flatten)]
    pub(super) serve: ServeArgs,
}

pub(super) const AFTER_HELP: &str = "\
Asks for digits, repeats them, asks for more, and says goodbye at `*`. `#` ends an entry. The bot
stops speaking when the caller speaks or presses a key.

What it says is spoken by espeak-ng (on Debian: apt install espeak-ng): at the start what it always
says, and in a call each entry that was not among the last 64. Two processes of it run at once, and
64 calls may wait for them, each for its latest entry; a caller who would have to wait longer hears
that the bot is sorry.";

/// The silence of a time-out is kept in memory.
fn parse_timeout(text: &str) -> Result<Duration, String> {
    let timeout = duration::parse_positive(text)?;
    if timeout > Duration::from_secs(60) {
        return Err("longer than a minute".to_owned());
    }
    Ok(timeout)
}

impl BotArgs {
    /// Speaks what is always said, so that what is wrong with espeak-ng is known before the first
    /// call.
    pub(super) fn acceptor(&self) -> io::Result<impl Acceptor + use<>> {
        let speech = Speech::start(&self.voice, self.rate, self.speech_timeout)?;
        let script = Script::new(speech, usize::from(self.digits), self.rate, self.timeout);
        let script = Arc::new(script.map_err(io::Error::other)?);
        Ok(move |_: &CallRequest<'_>| Ok(Dialogue::new(Arc::clone(&script))))
    }
}
