//! `audiosocket serve record`: each call into a WAV file.

mod codec;
#[cfg(test)]
mod memory_disk;
mod queue;
mod recording;
mod storage;
mod timeline;
mod wav_file;
mod writer;

use std::io;
use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use audiosocket_tokio::{
    Acceptor, Audio, Call, CallRequest, End, Exception, Handler, Refusal, Response,
};
use clap::Args;

use super::{ServeArgs, until_signal};
use codec::Codec;
use queue::{Begun, Queue, Track};
use recording::Settings;
use storage::Directory;
use timeline::Pauses;
use writer::Writer;

#[derive(Args, Debug)]
pub(crate) struct RecordArgs {
    /// The directory that the recordings go to, which has to exist
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// What comes as slin at 8 kHz: a Dial without c(slin) sends the call's own codec so
    #[arg(long, value_enum, default_value_t = Codec::Auto)]
    codec: Codec,
    /// Leave pauses out in which nothing came. By default they are silence in the recording, so
    /// that it has the call's time
    #[arg(long)]
    skip_pauses: bool,
    #[command(flatten)]
    serve: ServeArgs,
}

pub(super) const AFTER_HELP: &str = "\
Each call becomes one mono WAV file of 16 bits, at the rate of its audio, named by when it began in
UTC and by its UUID, such as 20260822T031415.926Z-40325ec2-5efd-4bd3-805f-53576e581d13.wav. No file
is ever overwritten: should the name be taken, -2 follows the UUID. If the rate changes during a
call, or after 4 GiB, another file begins, named by the time of its first sample; a call has 9 files
at most, and what comes after them is lost. The caller hears nothing.

A recording has the call's time, from its beginning to its end: where nothing came for more than
200 ms it has silence, since Asterisk sends nothing while a caller is on hold or sends no noise.
What was only held up on its way, and comes all at once, stays in one piece. --skip-pauses strings
together what came.

Audio that comes as slin at 8 kHz is recorded as what it is found to be within the first moments of
speech: slin, or ulaw or alaw from a Dial without c(slin). --codec says it instead. The file holds
16-bit samples either way.

What was written can be played at any moment. If this program is killed, the last second or two are
missing; if the disk is full, what came after. The call goes on, the next one is tried again, and
the log says which file is not whole. When a call has ended its file is synced to the disk, the
directory is not. If the disk is slow, 1 MiB for each call waits in memory (256 MiB for all, and 16 KiB for each call
in any case); what comes when that is full is silence in the recording, and counted. Calls are
refused while 4,096 beginnings and ends of calls wait. Files are readable by the owner and the
group.

Logs one line for each file when it is done: uuid, file, seconds, frames lost, rate, codec; and for
each recording that failed why, within bounds.";

/// Serves until a signal has done its work, and all recordings are on the disk.
pub(super) fn run(args: &RecordArgs) -> io::Result<()> {
    let directory = Directory::open(&args.directory)?;
    let pauses = if args.skip_pauses {
        Pauses::Skip
    } else {
        Pauses::Keep
    };
    let writer = Writer::start(directory, Settings::new(args.codec, pauses))?;
    let recorder = Recorder {
        queue: writer.queue().clone(),
    };
    let served = until_signal(recorder, &args.serve);
    writer.finish();
    served
}

/// Records every call, and answers nothing.
#[derive(Debug)]
struct Recorder {
    queue: Queue,
}

impl Acceptor for Recorder {
    type Handler = Recorded;

    fn accept(&self, request: &CallRequest<'_>) -> Result<Recorded, Refusal> {
        #[expect(
            clippy::disallowed_methods,
            reason = "it names files, and nothing else"
        )]
        let utc = SystemTime::now();
        let track = self.queue.begin(Begun {
            uuid: request.uuid,
            at: Instant::now(),
            utc,
        });
        let track = track.ok_or_else(|| Refusal::new("too many recordings wait for the disk"))?;
        Ok(Recorded { track })
    }
}

#[derive(Debug)]
struct Recorded {
    track: Track,
}

impl Handler for Recorded {
    fn on_audio<'a>(&mut self, _: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        self.track.audio(Instant::now(), audio);
        Response::Nothing
    }

    fn on_exception(&mut self, _: &mut Call<'_>, error: &Exception) {
        if let Exception::Lagged(lag) = error {
            self.track.lose(Instant::now(), lag.frames, lag.bytes);
        }
    }

    fn on_end(&mut self, _: &mut Call<'_>, _: End) {
        self.track.end(Instant::now());
    }
}
