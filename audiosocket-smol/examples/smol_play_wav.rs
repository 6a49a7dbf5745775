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

use audiosocket_media::{pcm, wav};
use audiosocket_smol::{
    Bytes, CallEvent, IncomingCall, SampleRate, Server, ServerOptions, incoming,
};

/// What every call takes. Asterisk converts for callers who have more; for them, play 16 kHz.
const RATE: SampleRate = SampleRate::Hz8000;

/// No longer file is read, since it is held in memory: 16 kB a second.
const LONGEST: Duration = Duration::from_secs(600);

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let samples = match args.next() {
        Some(path) => wav::read_file(path, RATE, LONGEST)?,
        None => tone(),
    };
    let mut slin = Vec::new();
    pcm::to_slin(&samples, &mut slin);
    // It is in memory once, however many hear it.
    let prompt = Bytes::from(slin);

    smol::block_on(async {
        let (acceptor, mut calls) = incoming();
        let server = Server::start(acceptor, ServerOptions::new().bind(addr)).await?;
        println!("listening on {}", server.local_addrs()[0]);
        smol::spawn(async move {
            while let Some(call) = calls.accept().await {
                smol::spawn(play(call, prompt.clone())).detach();
            }
        })
        .detach();
        Ok(server.serve_forever().await?)
    })
}

async fn play(mut call: IncomingCall, prompt: Bytes) {
    if let Err(error) = call.handle().try_play((RATE, prompt)) {
        eprintln!("{}: {error}", call.uuid());
    }
    call.handle().hangup_after_playout();
    // To the end, since dropping the call would hang up at once.
    while let Some(event) = call.next().await {
        if let CallEvent::Ended(end) = event {
            println!("{}: {end}", call.uuid());
        }
    }
}

/// 440 Hz for two seconds.
fn tone() -> Vec<i16> {
    let samples = 0..2 * RATE.hz();
    let phases = samples.map(|sample| f64::from(sample) * 440.0 / f64::from(RATE.hz()));
    phases
        .map(|phase| ((phase * std::f64::consts::TAU).sin() * 8_000.0) as i16)
        .collect()
}
