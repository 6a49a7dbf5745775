//! Plays a WAV file to every caller, and hangs up at its end: of any rate, width and number of
//! channels. Without a file it plays a tone of two seconds.
//!
//! The file is queued whole, once, when the call begins. From there the call's playout sends it,
//! 20 ms every 20 ms; nothing here needs a timer, or a caller who speaks.
//!
//! ```sh
//! cargo run -p audiosocket-smol --example smol_play_wav -- 127.0.0.1:9092 prompt.wav
//! ```

use std::error::Error;
use std::time::Duration;

use async_signal::{Signal, Signals};
use audiosocket_media::file::AudioReader;
use audiosocket_media::tone;
use audiosocket_smol::{AudioBuf, CallEvent, IncomingCall, SampleRate, SendError, Server};
use smol::stream::StreamExt;

/// What every call takes. Asterisk converts for callers who have more; for them, play 16 kHz.
const RATE: SampleRate = SampleRate::Hz8000;

/// No longer file is read, since it is held in memory: 16 kB a second.
const LONGEST: Duration = Duration::from_secs(600);

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let samples = match args.next() {
        Some(path) => AudioReader::open(path)?.read_all(RATE, LONGEST)?,
        None => tone(RATE, 440, Duration::from_secs(2)),
    };
    // In memory once, however many calls play it.
    let prompt = AudioBuf::from_samples(RATE, &samples);

    smol::block_on(async {
        let server = Server::bind(addr).await?;
        println!("listening on {}", server.local_addrs()[0]);
        let (handle, mut signals) = (server.handle(), Signals::new([Signal::Int])?);
        smol::spawn(async move {
            signals.next().await;
            handle.shutdown(Duration::from_secs(10));
        })
        .detach();
        let play = move |call| play(call, prompt.clone());
        Ok(server.serve_calls(play).await?)
    })
}

async fn play(mut call: IncomingCall, prompt: AudioBuf) -> Result<(), SendError> {
    call.play(prompt).await?;
    call.hangup_after_playout();
    // To the end: dropping the call would hang up at once.
    while let Some(event) = call.next().await {
        if let CallEvent::Ended(end) = event {
            println!("{}: {end}", call.uuid());
        }
    }
    Ok(())
}
