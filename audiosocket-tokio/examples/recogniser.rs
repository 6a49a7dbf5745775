//! Streams each call to a speech recogniser, and brings its text back into the call.
//!
//! The recogniser is a task of its own, because it can be slow or far away, and a call must not wait for it. The audio
//! goes through a channel of two seconds. Audio that finds no room is dropped and counted, because late audio would make
//! all audio after it late. The text comes back as an event of the call. The server then says it.
//!
//! ```sh
//! cargo run -p audiosocket-tokio --example recogniser -- 127.0.0.1:9092
//! # Without a phone, in another terminal: a call that asks a question, and records what it receives.
//! espeak-ng -w question.wav "What is the weather like today?"
//! cargo run --release -p audiosocket-cli -- call 127.0.0.1:9092 \
//!     --audio question.wav --duration 15s --expect any --record heard.wav
//! ```

mod shutdown;
mod synthesiser;

use audiosocket_media::vad::{EnergyOptions, EnergyVad, VadEvent};
use audiosocket_tokio::stream::EventInjector;
use audiosocket_tokio::{AudioBuf, CallEvent, IncomingCall, Server};
use synthesiser::synthesise;
use tokio::sync::mpsc;

/// How many pieces of audio wait for the recogniser at most: two seconds in frames of 20 ms.
const QUEUE: usize = 100;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:9092".into());
    let server = Server::bind(addr).await?;
    shutdown::on_signal(server.handle())?;
    println!("listening on {}", server.local_addrs()[0]);
    server.serve_calls(talk).await
}

/// A text from the recogniser.
struct Transcript(String);

async fn talk(mut call: IncomingCall) {
    let uuid = call.uuid();
    let (to_recogniser, audio) = mpsc::channel(QUEUE);
    tokio::spawn(recognise(audio, call.injector()));
    let mut dropped = 0;
    while let Some(event) = call.next().await {
        match event {
            CallEvent::Audio(audio) => dropped += u64::from(to_recogniser.try_send(audio).is_err()),
            CallEvent::Injected(value) => {
                if let Some(Transcript(text)) = value.downcast_ref() {
                    println!("{uuid}: recognised {text:?}");
                    let rate = call.answer_rate();
                    if let Err(error) = call.try_play(synthesise(text, rate)) {
                        eprintln!("{uuid}: cannot play: {error}");
                    }
                }
            }
            CallEvent::Ended(end) => println!("{uuid}: {end}, {dropped} pieces dropped"),
            _ => {}
        }
    }
    // This drops the sender. The recogniser then receives `None`, and ends.
}

/// A stand-in for a recogniser: its text is the time of the speech. A real one connects to its service, sends each piece
/// of audio, and injects each text that it receives.
async fn recognise(mut audio: mpsc::Receiver<AudioBuf>, texts: EventInjector) {
    let Some(mut piece) = audio.recv().await else {
        return;
    };
    // Asterisk keeps one sample rate for the whole call.
    let rate = piece.rate();
    let seconds = |samples| rate.duration_of(samples).as_secs_f64();
    let mut vad = EnergyVad::new(rate, EnergyOptions::default());
    let (mut events, mut from) = (Vec::new(), 0.0);
    loop {
        vad.push(&piece.samples().collect::<Vec<_>>(), &mut events);
        for event in events.drain(..) {
            match event {
                VadEvent::SpeechStarted { at, .. } => from = seconds(at),
                VadEvent::SpeechEnded { at, .. } => {
                    let text = format!("speech from {from:.2} s to {:.2} s", seconds(at));
                    // An error says that the call is over.
                    let _ = texts.inject(Transcript(text));
                }
                _ => {}
            }
        }
        let Some(next) = audio.recv().await else {
            return;
        };
        piece = next;
    }
}
