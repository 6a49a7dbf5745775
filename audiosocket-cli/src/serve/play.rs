//! `audiosocket serve play`: plays a WAV file to each caller.

mod stdin;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use audiosocket_media::{Prompt, SampleRate};
use audiosocket_proto::MarkOutcome;
use audiosocket_tokio::{
    Acceptor, Audio, Call, CallRequest, DtmfDigit, Handler, Response, SendError,
};
use clap::Args;

use super::ServeArgs;
use super::barge_in::InterruptionDetector;
use super::play_rate::{PlayRate, StartAtRate};
use super::prompt::{self, hang_up_on_error};
use crate::help;

/// Repeated audio is queued in parts of at most this length.
const LONGEST_PART: Duration = Duration::from_secs(10);

/// A busy server could queue the next part too late if parts were shorter.
const SHORTEST_PART: Duration = Duration::from_secs(1);

#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct PlayArgs {
    /// The audio file, of any rate; `-` plays standard input
    #[arg(help_heading = "Playing", display_order = 0)]
    file: PathBuf,
    /// Repeat the file until the caller hangs up
    #[arg(long = "loop", help_heading = "Playing", display_order = 1)]
    repeat: bool,
    /// Stop when the caller speaks or presses a key
    #[arg(long, help_heading = "Playing")]
    barge_in: bool,
    /// Sample rate [default: the caller's, up to slin16]
    #[arg(long, value_name = "RATE", help_heading = "Playing", default_value = "auto", hide_default_value = true, value_parser = PlayRate::parse)]
    rate: PlayRate,
    #[command(flatten)]
    pub(super) serve: ServeArgs,
}

const AFTER_HELP: &str = help::examples!(
    note: "Rates over slin: Asterisk 20.17, 21.12, 22.7, 23.1; over slin16: no packet loss",
    "program.md",
    "audiosocket serve play prompt.wav --listen 0.0.0.0:9092",
    "audiosocket serve play prompt.wav --barge-in",
    "audiosocket serve play music.wav --loop --max-duration 1h",
);

impl PlayArgs {
    pub(super) fn acceptor(&self) -> io::Result<impl Acceptor + use<>> {
        let mut audio = prompt::load(&self.file, self.rate)?;
        if self.repeat {
            audio = prompt::repeat(&audio, SHORTEST_PART);
        }
        let prompt = Prompt::from(audio);
        if self.rate == PlayRate::Answer {
            // Most callers need this rate. No call waits until the file is resampled.
            let _ = prompt.at(SampleRate::Hz8000);
        }
        let (repeat, barge_in, rate) = (self.repeat, self.barge_in, self.rate);
        let caller = self.serve.caller;
        Ok(move |_: &CallRequest<'_>| {
            let player = Player {
                prompt: prompt.clone(),
                play_rate: rate,
                rate: SampleRate::default(),
                next_part: repeat.then_some(0),
                barge_in: barge_in.then(|| InterruptionDetector::new(caller)),
                interrupted: false,
            };
            Ok(StartAtRate::new(rate, player))
        })
    }
}

/// Plays to one caller.
#[derive(Debug)]
struct Player {
    prompt: Prompt,
    play_rate: PlayRate,
    /// The rate since the start of the call.
    rate: SampleRate,
    /// Where the next part of repeated audio starts, in bytes. `None` if the audio is played once.
    next_part: Option<usize>,
    barge_in: Option<InterruptionDetector>,
    interrupted: bool,
}

impl Handler for Player {
    fn on_start(&mut self, call: &mut Call<'_>) {
        self.rate = self.play_rate.of(call);
        let played = match self.next_part {
            None => call
                .try_play(self.prompt.at(self.rate))
                .and_then(|()| call.mark(0)),
            Some(_) => self.play_part(call),
        };
        hang_up_on_error(call, played);
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        if let Some(barge_in) = &mut self.barge_in
            && !self.interrupted
            && barge_in.takes_audio(call, audio)
        {
            self.interrupt(call);
        }
        Response::Nothing
    }

    fn on_dtmf(&mut self, call: &mut Call<'_>, _: DtmfDigit) -> Response<'static> {
        if !self.interrupted && self.barge_in.is_some() {
            self.interrupt(call);
        }
        Response::Nothing
    }

    fn on_mark(&mut self, call: &mut Call<'_>, _: u64, _: MarkOutcome) {
        if self.interrupted {
            return;
        }
        match self.next_part {
            None => call.hangup_after_playout(),
            Some(_) => {
                let played = self.play_part(call);
                hang_up_on_error(call, played);
            }
        }
    }
}

impl Player {
    /// Queues the next part of repeated audio. The mark is where the part before it ends. So one or two parts are queued at
    /// any time.
    fn play_part(&mut self, call: &mut Call<'_>) -> Result<(), SendError> {
        let Some(at) = &mut self.next_part else {
            return Ok(());
        };
        call.mark(0)?;
        let audio = self.prompt.at(self.rate);
        let part = prompt::part(&audio, *at, LONGEST_PART);
        *at = (*at + part.bytes().len()) % audio.bytes().len();
        call.try_play(part)
    }

    fn interrupt(&mut self, call: &mut Call<'_>) {
        self.interrupted = true;
        let unheard = call.clear().duration.as_secs_f64();
        tracing::info!(uuid = %call.uuid(), unheard = format_args!("{unheard:.3}"), "interrupted");
    }
}
