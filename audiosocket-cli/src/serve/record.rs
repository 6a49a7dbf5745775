//! `audiosocket serve record`: each call into a WAV file.

use std::io;
use std::path::PathBuf;

use audiosocket_record::{Codec, Gaps, Law, Recorder};
use audiosocket_tokio::{Audio, Call, CallRequest, Handler, Response};
use clap::{Args, ValueEnum};

use super::{ServeArgs, until_signal};

#[derive(Args, Debug)]
pub(crate) struct RecordArgs {
    /// The directory for the recordings, which has to exist
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The codec of audio that claims to be slin at 8 kHz: a Dial without c(slin) sends the call's
    /// own codec with that name
    #[arg(long, value_enum, default_value_t = CodecOption::Auto)]
    codec: CodecOption,
    /// Leave out pauses in which no audio came. By default they are silence in the recording, so
    /// that it has the call's time
    #[arg(long)]
    skip_pauses: bool,
    #[command(flatten)]
    serve: ServeArgs,
}

/// The codec of frames that claim to be slin at 8 kHz.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum CodecOption {
    /// Detect it
    Auto,
    /// Signed 16-bit samples, as the frames claim
    Slin,
    /// G.711 µ-law, from a Dial without c(slin)
    Ulaw,
    /// G.711 A-law, from a Dial without c(slin)
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

pub(super) const AFTER_HELP: &str = "\
Each call becomes one mono WAV file of 16 bits, at the rate of its audio. Its name has the start of
the call in UTC and the call's UUID, such as
20260822T031415.926Z-40325ec2-5efd-4bd3-805f-53576e581d13.wav. No file is overwritten: if the name
is taken, -2 follows the UUID. If the rate changes during a call, or after 4 GiB, another file
begins, named by the time of its first sample. A call has 9 files at most; audio after that is lost.
The caller hears nothing.

A recording has the call's time, from its start to its end. Where no audio came for more than 200 ms
it has silence: Asterisk sends nothing while a caller is on hold or sends no noise. Audio that was
only delayed, and comes all at once, stays in one piece. --skip-pauses records all audio in a row.

The codec of audio that claims to be slin at 8 kHz is detected in the first moments of speech: slin,
or ulaw, alaw or g722 from a Dial without c(slin). --codec sets it. The file has 16-bit samples in any
case. Other codecs are kept as they came, beside the recording: .gsm, .g729 and .g726 have the bytes,
.opus-frames and others have AudioSocket frames, which `audiosocket decode` prints.

All audio that is written can be played at any moment. If this program is killed, the last second or
two are missing. If the disk is full, all later audio of that call is missing; the call goes on, the
next call is tried again, and the log says which file is not whole. When a call has ended its file
is synced to the disk, the directory is not. If the disk is slow, 1 MiB for each call waits in
memory (256 MiB for all calls, and 16 KiB for each call in any case). Audio beyond that is silence
in the recording, and counted. New calls are refused while 4,096 starts and ends of calls wait.
Files are readable by the owner and the group.

Logs one line for each file at its end: uuid, file, seconds, frames lost, rate, codec; and for each
recording that failed the reason, ten lines a second at most.";

/// Serves until a signal ends the server and all recordings are on the disk.
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
    let recorder = recorder.start()?;
    let acceptor = recorder.record(|_: &CallRequest<'_>| Ok(NoAnswer));
    let served = until_signal(acceptor, &args.serve);
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

/// Answers nothing.
#[derive(Debug)]
struct NoAnswer;

impl Handler for NoAnswer {
    fn on_audio<'a>(&mut self, _: &mut Call<'_>, _: Audio<'a>) -> Response<'a> {
        Response::Nothing
    }
}
