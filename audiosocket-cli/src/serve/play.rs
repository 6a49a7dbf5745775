//! `audiosocket serve play`: a WAV file for each caller.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use audiosocket_media::SampleRate;
use audiosocket_proto::MarkOutcome;
use audiosocket_tokio::{
    Acceptor, Audio, Call, CallRequest, DtmfDigit, Handler, Response, SendError,
};
use clap::Args;

use super::ServeArgs;
use super::barge_in::BargeIn;
use super::prompt::{LoadedPrompt, hang_up_on_error};

/// How much is queued at once of what is played without end.
const PIECE: Duration = Duration::from_secs(10);

/// Shorter pieces could all have been played before there is another.
const SHORTEST_PIECE: Duration = Duration::from_secs(1);

#[derive(Args, Debug)]
pub(crate) struct PlayArgs {
    /// A WAV file of any rate and up to 32 channels, which are mixed; an hour at most
    file: PathBuf,
    /// Play it again and again, without a gap, until the caller hangs up
    #[arg(long = "loop")]
    again: bool,
    /// The rate to play it at: slin (8 kHz), slin12, slin16, slin24, ... or `auto`, the file's own
    /// if a call can have it
    ///
    /// Asterisk makes of every rate what the call's codec wants, so that `auto` is heard as well as
    /// the call allows: 8, 12, 16, 24, 32 and 48 kHz are played as they are, what is between is
    /// resampled to the next of them, and what is above to 48 kHz. Give the call's own rate to save
    /// bandwidth, and Asterisk the work.
    #[arg(long, value_name = "RATE", default_value = "auto", value_parser = parse_rate)]
    rate: Rate,
    /// Stop playing, for good, when the caller speaks or presses a key; the call then stays silent
    /// until the caller hangs up
    ///
    /// 20 ms of speech, 10 dB louder than the noise of the line and louder than -40 dB of full scale,
    /// are enough. So the frame in which they are is the last during which something is played, but
    /// for the next one if it is on its way already. Speech may be slin, or the A-law, mu-law or
    /// G.722 of a `Dial` without `c(slin)`; to know which takes 10 to 40 ms more, once a call. GSM, Opus
    /// and other compressed audio never stops it, and a warning names the codec.
    #[arg(long)]
    barge_in: bool,
    #[command(flatten)]
    pub(super) serve: ServeArgs,
}

/// A rate, or `None` for what fits the file.
type Rate = Option<SampleRate>;

fn parse_rate(text: &str) -> Result<Rate, String> {
    match text {
        "auto" => Ok(None),
        _ => text
            .parse()
            .map(Some)
            .map_err(|error| format!("{error}, or auto")),
    }
}

impl PlayArgs {
    pub(super) fn acceptor(&self) -> io::Result<impl Acceptor + use<>> {
        let mut prompt = LoadedPrompt::load(&self.file, self.rate)?;
        if self.again {
            prompt.lengthen(SHORTEST_PIECE);
        }
        let (again, barge_in, caller) = (self.again, self.barge_in, self.serve.caller);
        Ok(move |_: &CallRequest<'_>| {
            Ok(Player {
                prompt: prompt.clone(),
                again: again.then_some(0),
                barge_in: barge_in.then(|| BargeIn::new(caller)),
                interrupted: false,
            })
        })
    }
}

/// Plays to one caller.
#[derive(Debug)]
struct Player {
    prompt: LoadedPrompt,
    /// Of a prompt that is played again and again, where the next piece of it begins, in bytes.
    again: Option<usize>,
    barge_in: Option<BargeIn>,
    interrupted: bool,
}

impl Handler for Player {
    fn on_start(&mut self, call: &mut Call<'_>) {
        let played = match self.again {
            None => self.prompt.clone().play(call).and_then(|()| call.mark(0)),
            Some(_) => self.play_piece(call),
        };
        hang_up_on_error(call, played);
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        if let Some(barge_in) = &mut self.barge_in
            && !self.interrupted
        {
            let interrupts = barge_in.hears(audio, Instant::now());
            barge_in.log_warning(call.uuid());
            if interrupts {
                self.interrupt(call);
            }
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
        match self.again {
            None => call.hangup_after_playout(),
            Some(_) => {
                let played = self.play_piece(call);
                hang_up_on_error(call, played);
            }
        }
    }
}

impl Player {
    /// Queues the next piece of what is played without end, and the mark at which there shall be
    /// one more: where the piece before it ends, so that two wait at most, and one at least.
    fn play_piece(&mut self, call: &mut Call<'_>) -> Result<(), SendError> {
        let Some(at) = &mut self.again else {
            return Ok(());
        };
        call.mark(0)?;
        let piece = self.prompt.piece(*at, PIECE);
        *at = (*at + piece.len()) % self.prompt.audio.len();
        call.try_play((self.prompt.rate, piece))
    }

    fn interrupt(&mut self, call: &mut Call<'_>) {
        self.interrupted = true;
        let unheard = call.clear().duration.as_secs_f64();
        tracing::info!(uuid = %call.uuid(), unheard = format_args!("{unheard:.3}"), "interrupted");
    }
}
