//! Records every call: one WAV file each, at the rate of the call, named by its UUID.
//!
//! Writing to a disk blocks, and a task must not. So the audio of a second is collected, and then
//! written on one of tokio's threads for that. What the caller says meanwhile waits in the call's
//! own queue, which is bounded: of a disk that stalls for long, [`CallEvent::Lagged`] says what
//! was lost.
//!
//! ```sh
//! cargo run -p audiosocket-tokio --example record -- 127.0.0.1:9092 recordings
//! ```

use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::PathBuf;
use std::time::Duration;

use audiosocket_media::wav::{WavWriter, WriteError};
use audiosocket_tokio::{CallEvent, IncomingCall, SampleRate, Server};
use tokio::task::spawn_blocking;

/// After this time a call is hung up: it would go on filling the disk.
const LONGEST: Duration = Duration::from_secs(3600);

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let directory = PathBuf::from(args.next().unwrap_or_else(|| "recordings".to_owned()));
    std::fs::create_dir_all(&directory)?;

    let server = Server::bind(addr).await?;
    for addr in server.local_addrs() {
        println!("listening on {addr}");
    }
    let handle = server.handle();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            handle.shutdown(Duration::from_secs(10));
        }
    });
    server
        .serve_calls(move |call| {
            let uuid = call.uuid();
            let path = directory.join(format!("{uuid}.wav"));
            async move {
                match record(call, path).await {
                    Ok(recorded) => println!("{uuid}: recorded {recorded:?}"),
                    Err(error) => eprintln!("{uuid}: {error}"),
                }
            }
        })
        .await
}

/// Records to the end of the call. At an error the call is dropped, and so hung up; the file is whole as far
/// as it was written.
async fn record(
    mut call: IncomingCall,
    path: PathBuf,
) -> Result<Duration, Box<dyn Error + Send + Sync>> {
    let Some((rate, mut samples)) = first_audio(&mut call).await else {
        return Ok(Duration::ZERO);
    };
    let mut wav = spawn_blocking(move || create(path, rate)).await??;
    let mut recorded = Duration::ZERO;
    while recorded < LONGEST
        && let Some(event) = call.next().await
    {
        match event {
            CallEvent::Audio(audio) if audio.rate() != rate => {
                return Err("the rate changed".into());
            }
            CallEvent::Audio(audio) => samples.extend(audio.samples()),
            CallEvent::Lagged(lag) => eprintln!("{}: {lag}", call.uuid()),
            _ => {}
        }
        if samples.len() >= rate.hz() as usize {
            let samples = std::mem::take(&mut samples);
            wav = spawn_blocking(move || wav.write(&samples).map(|()| wav)).await??;
            recorded = rate.duration_of(wav.written().into());
        }
    }
    recorded += rate.duration_of(samples.len() as u64);
    spawn_blocking(move || wav.write(&samples).and_then(|()| wav.finish())).await??;
    Ok(recorded)
}

/// Waits for the first audio, and returns its rate, which Asterisk keeps for all of the call. `None` if none
/// comes.
async fn first_audio(call: &mut IncomingCall) -> Option<(SampleRate, Vec<i16>)> {
    loop {
        if let CallEvent::Audio(audio) = call.next().await? {
            return Some((audio.rate(), audio.samples().collect()));
        }
    }
}

/// Fails if the file exists: a peer can send any UUID, and must not overwrite an earlier recording.
fn create(path: PathBuf, rate: SampleRate) -> Result<WavWriter<BufWriter<File>>, WriteError> {
    let file = File::create_new(path).map_err(WriteError::Io)?;
    WavWriter::new(BufWriter::new(file), rate)
}
