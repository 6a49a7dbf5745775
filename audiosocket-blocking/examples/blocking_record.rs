//! Records every call: one WAV file each, at the rate of the call, named by its UUID.
//!
//! Each call has a thread that may wait for the disk. What the caller says meanwhile waits in the
//! call's own queue, which is bounded: of a disk that stalls for long, [`CallEvent::Lagged`] tells
//! what was lost.
//!
//! ```sh
//! cargo run -p audiosocket-blocking --example blocking_record -- 127.0.0.1:9092 recordings
//! ```

use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use audiosocket_blocking::{CallEvent, IncomingCall, SampleRate, Server, ServerOptions, incoming};
use audiosocket_media::pcm;
use audiosocket_media::wav::{WavWriter, WriteError};

/// After so much a call is hung up, since it would go on filling the disk.
const LONGEST: Duration = Duration::from_secs(3600);

fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let directory = PathBuf::from(args.next().unwrap_or_else(|| "recordings".to_owned()));
    std::fs::create_dir_all(&directory)?;

    let (acceptor, mut calls) = incoming();
    let server = Server::start(acceptor, ServerOptions::new().bind(addr))?;
    println!("listening on {}", server.local_addrs()[0]);
    thread::spawn(move || {
        for call in calls.blocking() {
            let uuid = call.uuid();
            let path = directory.join(format!("{uuid}.wav"));
            let thread = thread::Builder::new().spawn(move || match record(call, &path) {
                Ok(recorded) => println!("{uuid}: recorded {recorded:?}"),
                Err(error) => eprintln!("{uuid}: {error}"),
            });
            // Without one the call was dropped, which hung it up; the others go on.
            if let Err(error) = thread {
                eprintln!("no thread for a call: {error}");
            }
        }
    });
    server.serve_forever()
}

/// Records to the end of the call; by dropping the call it is hung up at an error. What had been
/// written by then is a whole file.
fn record(mut call: IncomingCall, path: &Path) -> Result<Duration, Box<dyn Error>> {
    let uuid = call.uuid();
    let mut recording: Option<(SampleRate, WavWriter<_>)> = None;
    let mut samples = Vec::new();
    for event in call.blocking() {
        let (rate, slin) = match event {
            CallEvent::Audio(audio) => (audio.rate(), audio.into_bytes()),
            CallEvent::Lagged(lag) => {
                eprintln!("{uuid}: {lag}");
                continue;
            }
            _ => continue,
        };
        // The first audio says the rate; Asterisk keeps to it for all of the call.
        let (begun, wav) = match &mut recording {
            Some(recording) => recording,
            None => recording.insert((rate, create(path, rate)?)),
        };
        if rate != *begun {
            return Err("the rate changed".into());
        }
        samples.clear();
        pcm::from_slin(&slin, &mut samples);
        wav.write(&samples)?;
        if rate.duration_of(wav.written().into()) >= LONGEST {
            break;
        }
    }
    let Some((rate, wav)) = recording else {
        return Ok(Duration::ZERO);
    };
    let recorded = rate.duration_of(wav.written().into());
    wav.finish()?;
    Ok(recorded)
}

/// Fails if the file is there: whoever reaches the port can send any UUID, so no earlier recording
/// is overwritten for one.
fn create(path: &Path, rate: SampleRate) -> Result<WavWriter<BufWriter<File>>, WriteError> {
    let file = File::create_new(path).map_err(WriteError::Io)?;
    WavWriter::new(BufWriter::new(file), rate)
}
