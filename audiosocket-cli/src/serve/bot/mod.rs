//! `audiosocket serve bot`: a small IVR that takes digits and repeats them.

mod dialogue;
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

#[derive(Args, Debug)]
pub(crate) struct BotArgs {
    /// The voice or language of espeak-ng, as `espeak-ng --voices` lists them. The texts are English
    #[arg(long, value_name = "NAME", default_value = "en")]
    voice: String,
    /// The sample rate of the speech: slin (8 kHz), slin12, slin16, slin24, ... Asterisk converts it to
    /// the codec of the call
    #[arg(long, default_value_t = SampleRate::Hz16000)]
    rate: SampleRate,
    /// Repeat after this many digits without waiting for `#`
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=16))]
    digits: u8,
    /// Wait this long for a key, a minute at most. Then the bot repeats the digits. Without digits it asks
    /// again, three times in all, and says goodbye
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_timeout)]
    timeout: Duration,
    #[command(flatten)]
    pub(super) serve: ServeArgs,
}

pub(super) const AFTER_HELP: &str = "\
Asks for digits, repeats them, asks for more, and says goodbye at `*`. `#` ends an entry. The bot
stops speaking when the caller speaks or presses a key.

espeak-ng speaks the texts once, before the first call (on Debian: apt install espeak-ng).";

/// The silence of a timeout is kept in memory, so the timeout has a bound.
fn parse_timeout(text: &str) -> Result<Duration, String> {
    let timeout = duration::parse_positive(text)?;
    if timeout > Duration::from_secs(60) {
        return Err("longer than a minute".to_owned());
    }
    Ok(timeout)
}

impl BotArgs {
    /// Speaks all texts, so that a missing voice is an error before the first call.
    pub(super) fn acceptor(&self) -> io::Result<impl Acceptor + use<>> {
        let script = Script::new(
            &self.voice,
            usize::from(self.digits),
            self.rate,
            self.timeout,
        )?;
        let script = Arc::new(script);
        let caller = self.serve.caller;
        Ok(move |_: &CallRequest<'_>| Ok(Dialogue::new(Arc::clone(&script), caller)))
    }
}
