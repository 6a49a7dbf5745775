//! `audiosocket serve play`: plays a file or standard input to each caller.

mod shared_audio;

use std::io::{self, Stdin};
use std::iter;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use audiosocket_media::file::{AudioReader, ReadError};
use audiosocket_media::{Resampler, SampleRate};
use audiosocket_proto::MarkOutcome;
use audiosocket_tokio::stream::Prebuffer;
use audiosocket_tokio::{
    Acceptor, Audio, AudioBuf, Call, CallRequest, DtmfDigit, Handler, Refusal, Response,
};
use clap::Args;
use serde::{Deserialize, Serialize};

use super::barge_in_args::{BargeInArgs, BargeInPolicy};
use super::caller_input::{CallerInput, InbandKeyOptions};
use super::input_options::InputOptions;
use super::play_rate::PlayRate;
use super::prompt::{self, LONGEST, hang_up_on_error};
use super::record::RecordOptions;
use super::start_at_rate::StartAtRate;
use super::{DEFAULT_TAIL, ServeArgs};
use crate::{duration, help};
use shared_audio::{Place, QUEUED, SharedAudio, SharedPlayer};

/// A shorter file is repeated to this length before it is played in a loop, so that a call does not queue many parts.
const SHORTEST_LOOP: Duration = Duration::from_secs(1);

#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct PlayArgs {
    /// The audio file, of any rate; `-` plays standard input
    #[arg(help_heading = "Playing", display_order = 0)]
    file: PathBuf,
    /// Repeat the file until the caller hangs up
    #[arg(long = "loop", help_heading = "Playing", display_order = 1)]
    repeat: bool,
    #[command(flatten, next_help_heading = "Playing")]
    barge_in: BargeInArgs,
    /// Sample rate [default: the caller's, up to slin16]
    #[arg(long, value_name = "RATE", help_heading = "Playing", default_value = "auto", hide_default_value = true, value_parser = PlayRate::parse)]
    rate: PlayRate,
    /// Silence before the hangup, so that phones play the end
    #[arg(long, value_name = "TIME", help_heading = "Playing", hide = true, default_value = DEFAULT_TAIL, value_parser = duration::parse)]
    pub(super) tail: Duration,
    /// With -, begin with TIME of audio; 5s at most
    #[arg(long, value_name = "TIME", help_heading = "Playing", hide = true, value_parser = parse_prebuffer)]
    prebuffer: Option<Duration>,
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
    "audiosocket serve play prompt.wav --listen 0.0.0.0:9092",
    "audiosocket serve play prompt.wav --barge-in --protect 3s",
    "audiosocket serve play music.wav --loop --max-duration 1h",
);

/// Parses `--prebuffer`. A call never has more than [`QUEUED`], so a longer prebuffer would wait for the end of the audio.
fn parse_prebuffer(text: &str) -> Result<Duration, String> {
    let amount = duration::parse_positive(text)?;
    if amount > QUEUED {
        return Err("longer than 5s, the longest that is possible".to_owned());
    }
    Ok(amount)
}

impl PlayArgs {
    pub(super) fn acceptor(&self) -> io::Result<impl Acceptor + use<>> {
        let barge_in = self.barge_in.policy_if_given(&self.serve)?;
        let audio = if self.file.as_os_str() == "-" {
            self.read_stdin()?
        } else if self.prebuffer.is_some() {
            return Err(io::Error::other(
                "--prebuffer needs standard input: a file is complete; write - in place of the file",
            ));
        } else {
            Arc::new(self.load()?)
        };
        Ok(PlayAcceptor {
            audio,
            repeat: self.repeat,
            barge_in,
            rate: self.rate,
            caller: self.serve.caller,
            prebuffer: self.prebuffer,
            inband_keys: self.inband_keys,
        })
    }

    /// Reads the whole file.
    fn load(&self) -> io::Result<SharedAudio> {
        let mut file = prompt::load(&self.file, self.rate)?;
        if self.repeat {
            file = prompt::repeat(&file, SHORTEST_LOOP);
        }
        let audio = SharedAudio::new(file.rate(), self.rate.all());
        audio.add(&file);
        audio.complete();
        if self.rate == PlayRate::Answer {
            // Most callers need this rate.
            audio.prepare(SampleRate::Hz8000);
        }
        Ok(audio)
    }

    /// Waits for the header of standard input, and then reads its audio on a thread.
    fn read_stdin(&self) -> io::Result<Arc<SharedAudio>> {
        if self.repeat {
            return Err(io::Error::other(
                "--loop needs a file: standard input is read only once",
            ));
        }
        let stdin_error = |error: ReadError| io::Error::other(format!("standard input: {error}"));
        let mut reader = AudioReader::new(io::stdin()).map_err(stdin_error)?;
        let rate = self.rate.source(reader.sample_rate());
        let audio = Arc::new(SharedAudio::new(rate, self.rate.all()));
        let shared = audio.clone();
        let read_all = move || {
            if let Err(error) = read_parts(&mut reader, rate, &shared) {
                tracing::warn!(%error, "standard input is not read any further");
            }
            for warning in reader.warnings() {
                tracing::warn!(%warning, "standard input");
            }
            shared.complete();
        };
        thread::Builder::new()
            .name("stdin".to_owned())
            .spawn(read_all)?;
        Ok(audio)
    }
}

/// Plays to every call, and continues calls of other processes.
#[derive(Debug)]
struct PlayAcceptor {
    audio: Arc<SharedAudio>,
    repeat: bool,
    barge_in: Option<BargeInPolicy>,
    rate: PlayRate,
    caller: InputOptions,
    prebuffer: Option<Duration>,
    inband_keys: InbandKeyOptions,
}

impl PlayAcceptor {
    fn player(&self) -> Player {
        let new_input = |policy| CallerInput::new(self.caller, self.inband_keys, policy);
        Player {
            audio: SharedPlayer::new(self.audio.clone(), self.repeat),
            play_rate: self.rate,
            prebuffer: self.prebuffer,
            incomplete: None,
            interrupter: self.barge_in.map(new_input),
            interrupted: false,
        }
    }
}

impl Acceptor for PlayAcceptor {
    type Handler = StartAtRate<Player>;

    fn accept(&self, _: &CallRequest<'_>) -> Result<Self::Handler, Refusal> {
        Ok(StartAtRate::new(self.rate, self.player()))
    }

    fn take_over(&self, _: &CallRequest<'_>, state: &[u8]) -> Result<Self::Handler, Refusal> {
        let refusal = || Refusal::new("the other process is not `serve play` of this version");
        let (started, state) = state.split_last().ok_or_else(refusal)?;
        let state = state.strip_prefix(STATE).ok_or_else(refusal)?;
        let state: PlayerState = serde_json::from_slice(state).map_err(|_| refusal())?;
        let mut player = self.player();
        player.audio.move_to(state.place);
        player.interrupted = state.interrupted;
        Ok(StartAtRate::resumed(self.rate, player, *started))
    }
}

/// The first bytes of the state of a call. No other server has them.
const STATE: &[u8] = b"play";

/// The state of a [`Player`] for another process. The detection of speech begins anew.
#[derive(Debug, Serialize, Deserialize)]
struct PlayerState {
    place: Place,
    interrupted: bool,
}

/// Adds standard input to `audio`, at `rate`, as it arrives.
fn read_parts(
    reader: &mut AudioReader<Stdin>,
    rate: SampleRate,
    audio: &SharedAudio,
) -> io::Result<()> {
    let hz = reader.sample_rate();
    let mut resampler = Resampler::between(hz, rate.hz()).map_err(io::Error::other)?;
    let (mut samples, mut part) = (Vec::new(), Vec::new());
    let mut left = u64::from(hz) * LONGEST.as_secs();
    loop {
        samples.clear();
        part.clear();
        let is_end = reader.read(&mut samples)? == 0;
        left = left.checked_sub(samples.len() as u64).ok_or_else(|| {
            io::Error::other(format!("it has more audio than {} s", LONGEST.as_secs()))
        })?;
        if is_end {
            resampler.finish(&mut part);
        } else {
            resampler.push(&samples, &mut part);
        }
        audio.add(&AudioBuf::from_samples(rate, &part));
        if is_end {
            return Ok(());
        }
    }
}

/// Plays to one caller.
#[derive(Debug)]
struct Player {
    audio: SharedPlayer,
    play_rate: PlayRate,
    prebuffer: Option<Duration>,
    /// Ends with the call, or at the end of the audio.
    incomplete: Option<Prebuffer>,
    /// `None` without `--barge-in`.
    interrupter: Option<CallerInput>,
    interrupted: bool,
}

impl Handler for Player {
    fn hand_over(&mut self, _: &Call<'_>) -> Option<Vec<u8>> {
        let state = PlayerState {
            place: self.audio.place()?,
            interrupted: self.interrupted,
        };
        let state = serde_json::to_vec(&state).ok()?;
        Some([STATE, &state].concat())
    }

    fn on_start(&mut self, call: &mut Call<'_>) {
        let rate = self.play_rate.of(call);
        if let Some(input) = &mut self.interrupter {
            input.start(call);
        }
        self.incomplete = self.prebuffer.map(|amount| call.handle().prebuffer(amount));
        let played = self.audio.start(call, rate);
        hang_up_on_error(call, played);
    }

    fn on_resume(&mut self, call: &mut Call<'_>) {
        if let Some(input) = &mut self.interrupter {
            input.start(call);
            // The process that paused the call cannot end the pause.
            call.resume();
        }
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        if let Some(input) = &mut self.interrupter
            && !self.interrupted
        {
            let speaks = input.takes_audio(call, audio, true);
            let presses = iter::from_fn(|| input.next_key(call)).count() > 0;
            if speaks || (presses && input.key_interrupts()) {
                self.interrupt(call);
            }
        }
        Response::Nothing
    }

    fn on_dtmf(&mut self, call: &mut Call<'_>, digit: DtmfDigit) -> Response<'static> {
        if let Some(input) = &mut self.interrupter
            && !self.interrupted
            && input.takes_key(call, digit)
            && input.key_interrupts()
        {
            self.interrupt(call);
        }
        Response::Nothing
    }

    fn on_mark(&mut self, call: &mut Call<'_>, mark: u64, _: MarkOutcome) {
        if !self.interrupted {
            let played = self.audio.resume(call, mark);
            hang_up_on_error(call, played);
        }
    }
}

impl Player {
    fn interrupt(&mut self, call: &mut Call<'_>) {
        self.interrupted = true;
        let unheard = self.audio.stop(call).as_secs_f64();
        tracing::info!(uuid = %call.uuid(), unheard = format_args!("{unheard:.3}"), "interrupted");
    }
}
