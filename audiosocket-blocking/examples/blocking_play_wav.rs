//! Plays a WAV file to each caller, and hangs up at its end.
//!
//! The file is a WAV file of any sample rate, width and number of channels, at most ten minutes long. Without a file,
//! callers hear a tone of two seconds. To make a file, and to run the example:
//!
//! ```sh
//! espeak-ng -w prompt.wav "Hello"
//! cargo run -p audiosocket-blocking --example blocking_play_wav -- 127.0.0.1:9092 prompt.wav
//! # Without a phone, in another terminal: a call that records what it receives.
//! cargo run --release -p audiosocket-cli -- call 127.0.0.1:9092 --expect any --record heard.wav
//! ```

mod shutdown;

use std::error::Error;
use std::time::Duration;

use audiosocket_blocking::{CallEvent, IncomingCall, SendError, Server};
use audiosocket_media::{Prompt, SampleRate, tone};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or("127.0.0.1:9092".into());
    let prompt = match args.next() {
        Some(path) => Prompt::open(path)?,
        None => {
            let rate = SampleRate::Hz8000;
            Prompt::from_samples(rate, tone(rate, 440, Duration::from_secs(2)))
        }
    };
    let server = Server::bind(addr)?;
    shutdown::on_signal(server.handle())?;
    println!("listening on {}", server.local_addrs()[0]);
    // The prompt is in memory once, however many calls play it.
    Ok(server.serve_calls(move |call| play(call, &prompt))?)
}

fn play(mut call: IncomingCall, prompt: &Prompt) -> Result<(), SendError> {
    // The rate to answer with is known when the first audio comes. Until then it is 8 kHz.
    call.wait_sample_rate(Duration::from_millis(200));
    call.play(prompt.at(call.answer_rate()))?;
    call.hangup_after_playout();
    // Dropping the call hangs up at once. So the thread keeps the call until its last event.
    while let Some(event) = call.next() {
        if let CallEvent::Ended(end) = event {
            println!("{}: {end}", call.uuid());
        }
    }
    Ok(())
}
