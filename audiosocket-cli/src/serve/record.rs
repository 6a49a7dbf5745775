//! `audiosocket serve record`: records each call into a WAV file.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use audiosocket_record::{Codec, Gaps, Law, Recorder};
use audiosocket_tokio::{Audio, Call, CallRequest, Handler, Response};
use clap::{Args, ValueEnum};

use super::{ServeArgs, until_signal};
use crate::help;

#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct RecordArgs {
    /// The directory of the recordings; it must exist
    #[arg(value_name = "DIR", help_heading = "Recording", display_order = 0)]
    directory: PathBuf,
    /// Codec of kind 0x10: slin, ulaw, alaw
    #[arg(long, value_enum, value_name = "CODEC", help_heading = "Recording", display_order = 1, hide_possible_values = true, default_value_t = CodecOption::Auto)]
    codec: CodecOption,
    /// Leave out pauses [default: silence]
    #[arg(long, help_heading = "Recording")]
    skip_pauses: bool,
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

/// Serves until a signal has ended the server and all recordings are on the disk.
pub(super) fn run(args: &RecordArgs) -> io::Result<()> {
    let gaps = if args.skip_pauses {
        Gaps::Skip
    } else {
        Gaps::Keep
    };
    let mut recorder = Recorder::in_directory(&args.directory).gaps(gaps);
    if let Some(codec) = args.codec.codec() {
        recorder = recorder.codec(codec);
    }
    if let Some(rate) = args.serve.caller.input_rate {
        recorder = recorder.input_rate(rate);
    }
    let recorder = recorder.start().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            io::Error::new(error.kind(), format!("{error}; create the directory first"))
        }
        _ => error,
    })?;
    let acceptor = recorder.record(|_: &CallRequest<'_>| Ok(NoAnswer));
    let served = until_signal(acceptor, &args.serve, Duration::ZERO);
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

/// Sends no answer.
#[derive(Debug)]
struct NoAnswer;

impl Handler for NoAnswer {
    fn on_audio<'a>(&mut self, _: &mut Call<'_>, _: Audio<'a>) -> Response<'a> {
        Response::Nothing
    }
}
