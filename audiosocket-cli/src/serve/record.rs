//! `audiosocket serve record`: records each call into a WAV file. And `--record` of the other servers.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use audiosocket_record::{Codec, Gaps, Law, Recorder, RecorderBuilder, Sides};
use audiosocket_tokio::{Acceptor, Audio, Call, CallRequest, Handler, Refusal, Response};
use clap::{Args, ValueEnum};

use super::{ServeArgs, until_signal};
use crate::help;
use crate::usage_error::usage_error;

#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct RecordArgs {
    /// The directory of the recordings; it must exist
    #[arg(value_name = "DIR", help_heading = "Recording", display_order = 0)]
    directory: PathBuf,
    /// In kind 0x10: slin, ulaw, alaw, g722
    #[arg(long, value_enum, value_name = "CODEC", help_heading = "Recording", display_order = 1, hide_possible_values = true, default_value_t = CodecOption::Auto)]
    codec: CodecOption,
    /// Leave out pauses [default: silence]
    #[arg(long, help_heading = "Recording")]
    skip_pauses: bool,
    /// caller, stereo, mono or two-files
    #[arg(long, value_enum, value_name = "SIDES", help_heading = "Recording", hide = true, hide_possible_values = true, default_value_t = SidesOption::Caller)]
    record_as: SidesOption,
    #[command(flatten)]
    serve: ServeArgs,
}

const AFTER_HELP: &str = help::examples!(
    "program.md",
    "audiosocket serve record /var/spool/calls",
    "audiosocket serve record /var/spool/calls --codec ulaw",
    "audiosocket serve record . --skip-pauses --allow 192.0.2.10",
);

/// The codec of audio of kind 0x10 (slin at 8 kHz). `Dial` without `c(slin)` sends the codec of the call under this kind.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum CodecOption {
    Auto,
    Slin,
    Ulaw,
    Alaw,
    /// G.722, from a Dial without c(slin)
    G722,
}

impl CodecOption {
    fn codec(self) -> Option<Codec> {
        match self {
            Self::Auto => None,
            Self::Slin => Some(Codec::Slin),
            Self::Ulaw => Some(Codec::G711(Law::Mu)),
            Self::Alaw => Some(Codec::G711(Law::A)),
            Self::G722 => Some(Codec::G722),
        }
    }
}

/// The recording of the calls of a server that answers them.
#[derive(Args, Debug)]
pub(super) struct RecordOptions {
    /// Record both sides of each call into DIR, which must exist
    #[arg(long, value_name = "DIR", help_heading = "Recording", hide = true)]
    record: Option<PathBuf>,
    /// stereo, mono, two-files or caller
    #[arg(long, value_enum, value_name = "SIDES", help_heading = "Recording", hide = true, hide_possible_values = true, default_value_t = SidesOption::Stereo, requires = "record")]
    record_as: SidesOption,
}

/// Which sides of a call are recorded, and how.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum SidesOption {
    /// The caller only
    Caller,
    /// The caller left, the server right
    Stereo,
    /// Both sides mixed
    Mono,
    /// A file for each side
    TwoFiles,
}

impl SidesOption {
    fn sides(self) -> Sides {
        match self {
            Self::Caller => Sides::Caller,
            Self::Stereo => Sides::Stereo,
            Self::Mono => Sides::Mono,
            Self::TwoFiles => Sides::TwoFiles,
        }
    }
}

impl RecordOptions {
    /// Serves until a signal has ended the server, and records the calls if `--record` is set. `tail` follows the audio
    /// before a hangup. A server without one sends no audio of its own.
    pub(super) fn serve<A: Acceptor>(
        &self,
        acceptor: A,
        serve: &ServeArgs,
        tail: Option<Duration>,
    ) -> io::Result<()> {
        match &self.record {
            None => until_signal(acceptor, serve, tail),
            Some(directory) => {
                let recorder = Recorder::in_directory(directory).sides(self.record_as.sides());
                serve_recorded(recorder, acceptor, serve, tail)
            }
        }
    }
}

pub(super) fn run(args: &RecordArgs) -> io::Result<()> {
    let sides = args.record_as.sides();
    if args.skip_pauses && sides != Sides::Caller {
        usage_error(
            "audiosocket serve record",
            "--skip-pauses needs --record-as caller; with both sides, pauses keep them aligned",
        );
    }
    let gaps = if args.skip_pauses {
        Gaps::Skip
    } else {
        Gaps::Keep
    };
    let mut recorder = Recorder::in_directory(&args.directory)
        .gaps(gaps)
        .sides(sides);
    if let Some(codec) = args.codec.codec() {
        recorder = recorder.codec(codec);
    }
    serve_recorded(recorder, NoAnswerAcceptor, &args.serve, None)
}

/// Serves until a signal has ended the server and all recordings are on the disk.
fn serve_recorded<A: Acceptor>(
    mut recorder: RecorderBuilder,
    acceptor: A,
    serve: &ServeArgs,
    tail: Option<Duration>,
) -> io::Result<()> {
    if let Some(rate) = serve.caller.input_rate {
        recorder = recorder.input_rate(rate);
    }
    let recorder = recorder.start().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            io::Error::new(error.kind(), format!("{error}; create the directory first"))
        }
        _ => error,
    })?;
    let served = until_signal(recorder.record(acceptor), serve, tail);
    let stats = recorder.finish();
    tracing::info!(
        calls = stats.ended,
        files = stats.files,
        failed = stats.failed,
        lost = stats.lost_frames,
        "all recordings ended"
    );
    served
}

/// Accepts every call, and continues calls of other processes.
#[derive(Debug)]
struct NoAnswerAcceptor;

/// The state of a call. No other server has it.
const STATE: &[u8] = b"record";

impl Acceptor for NoAnswerAcceptor {
    type Handler = NoAnswer;

    fn accept(&self, _: &CallRequest<'_>) -> Result<NoAnswer, Refusal> {
        Ok(NoAnswer)
    }

    fn take_over(&self, _: &CallRequest<'_>, state: &[u8]) -> Result<NoAnswer, Refusal> {
        match state {
            STATE => Ok(NoAnswer),
            _ => Err(Refusal::new("the other process is not `serve record`")),
        }
    }
}

/// Sends no answer.
#[derive(Debug)]
struct NoAnswer;

impl Handler for NoAnswer {
    fn hand_over(&mut self, _: &Call<'_>) -> Option<Vec<u8>> {
        Some(STATE.to_vec())
    }

    fn on_audio<'a>(&mut self, _: &mut Call<'_>, _: Audio<'a>) -> Response<'a> {
        Response::Nothing
    }
}
