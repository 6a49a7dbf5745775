//! Records every call: one WAV file each, at the rate of the call, named by its UUID.
//!
//! Each call has a thread that may wait for the disk. What the caller says meanwhile waits in the
//! call's own queue, which is bounded: of a disk that stalls for long, [`CallEvent::Lagged`] says
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

use audiosocket_blocking::{CallEvent, IncomingCall, SampleRate, Server};
use audiosocket_media::pcm;
use audiosocket_media::wav::{WavWriter, WriteError};
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

/// After this time a call is hung up: it would go on filling the disk.
const LONGEST: Duration = Duration::from_secs(3600);

fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let directory = PathBuf::from(args.next().unwrap_or_else(|| "recordings".to_owned()));
    std::fs::create_dir_all(&directory)?;

    let server = Server::bind(addr)?;
    println!("listening on {}", server.local_addrs()[0]);
    let (handle, mut signals) = (server.handle(), Signals::new([SIGINT])?);
    thread::spawn(move || {
        signals.forever().next();
        handle.shutdown(Duration::from_secs(10));
    });
    server.serve_calls(move |call| {
        let uuid = call.uuid();
        match record(call, &directory.join(format!("{uuid}.wav"))) {
            Ok(recorded) => println!("{uuid}: recorded {recorded:?}"),
            Err(error) => eprintln!("{uuid}: {error}"),
        }
    })
}

/// Records to the end of the call. At an error the call is dropped, and so hung up; the file is whole as far
/// as it was written.
fn record(call: IncomingCall, path: &Path) -> Result<Duration, Box<dyn Error>> {
    let uuid = call.uuid();
    let mut recording: Option<(SampleRate, WavWriter<_>)> = None;
    let mut samples = Vec::new();
    for event in call {
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

/// Fails if the file exists: a peer can send any UUID, and must not overwrite an earlier recording.
fn create(path: &Path, rate: SampleRate) -> Result<WavWriter<BufWriter<File>>, WriteError> {
    let file = File::create_new(path).map_err(WriteError::Io)?;
    WavWriter::new(BufWriter::new(file), rate)
}
