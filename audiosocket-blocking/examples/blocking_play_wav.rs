//! Plays a WAV file to every caller, and hangs up at its end: of any rate, width and number of
//! channels. Without a file it plays a tone of two seconds.
//!
//! The file is queued whole, once, when the call begins. From there the call's playout sends it,
//! 20 ms every 20 ms; nothing here needs a timer, or a caller who speaks.
//!
//! ```sh
//! cargo run -p audiosocket-blocking --example blocking_play_wav -- 127.0.0.1:9092 prompt.wav
//! ```

use std::error::Error;
use std::thread;
use std::time::Duration;

use audiosocket_blocking::{AudioBuf, CallEvent, IncomingCall, SampleRate, SendError, Server};
use audiosocket_media::file::AudioReader;
use audiosocket_media::tone;
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

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

    let server = Server::bind(addr)?;
    println!("listening on {}", server.local_addrs()[0]);
    let (handle, mut signals) = (server.handle(), Signals::new([SIGINT])?);
    thread::spawn(move || {
        signals.forever().next();
        handle.shutdown(Duration::from_secs(10));
    });
    Ok(server.serve_calls(move |call| play(call, prompt.clone()))?)
}

fn play(mut call: IncomingCall, prompt: AudioBuf) -> Result<(), SendError> {
    call.play(prompt)?;
    call.hangup_after_playout();
    // To the end: dropping the call would hang up at once.
    while let Some(event) = call.next() {
        if let CallEvent::Ended(end) = event {
            println!("{}: {end}", call.uuid());
        }
    }
    Ok(())
}
