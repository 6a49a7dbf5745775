//! An answer that takes time, and that the caller can interrupt.
//!
//! After the caller has spoken, a task thinks: it stands for a language model, and makes one sentence after the other.
//! The call plays each sentence as soon as it comes. A quiet ringback tone fills the time until the first one. When the
//! caller speaks again or presses a key, the call cancels the task and clears the playout. The example `bot` also handles phones that send no audio in a pause.
//!
//! ```sh
//! cargo run -p audiosocket-tokio --example thinking -- 127.0.0.1:9092
//! # Without a phone, in another terminal: a call that asks a question, and records what it receives.
//! espeak-ng -w question.wav "What is the weather like today?"
//! cargo run --release -p audiosocket-cli -- call 127.0.0.1:9092 \
//!     --audio question.wav --duration 15s --expect any --record heard.wav
//! ```

mod shutdown;
mod synthesiser;

use std::time::Duration;

use audiosocket_media::tones::{Country, ToneName};
use audiosocket_media::vad::{EnergyOptions, EnergyVad, VadEvent};
use audiosocket_tokio::{Bed, CallEvent, IncomingCall, Server};
use synthesiser::synthesise;
use tokio::{sync::mpsc, time::sleep};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:9092".into());
    let server = Server::bind(addr).await?;
    shutdown::on_signal(server.handle())?;
    println!("listening on {}", server.local_addrs()[0]);
    server.serve_calls(talk).await
}

async fn talk(mut call: IncomingCall) {
    let rate = call.wait_sample_rate(Duration::from_secs(5)).await;
    let mut vad = EnergyVad::new(rate, EnergyOptions::default());
    // A channel without a sender has no sentences: there is no answer yet.
    let (mut vad_events, mut answer) = (Vec::new(), mpsc::channel(1).1);
    loop {
        tokio::select! {
            event = call.next() => match event {
                Some(CallEvent::Audio(audio)) => vad.push(&audio.samples().collect::<Vec<_>>(), &mut vad_events),
                Some(CallEvent::Dtmf(_)) => interrupt(&call, &mut answer),
                Some(CallEvent::Ended(end)) => println!("{}: {end}", call.uuid()),
                Some(_) => {}
                None => return, // This drops `answer`, and so cancels it.
            },
            // Only this task plays and clears. If the thinking task played, a sentence could come after the clear.
            Some(sentence) = answer.recv() => {
                println!("{}: bot: {sentence}", call.uuid());
                call.remove_bed();
                // An error says that the call is over. The next event says so too.
                let _ = call.play(synthesise(&sentence, call.answer_rate())).await;
            }
        }
        for event in vad_events.drain(..) {
            match event {
                VadEvent::SpeechStarted { .. } => interrupt(&call, &mut answer),
                VadEvent::SpeechEnded { .. } => {
                    println!("{}: thinking", call.uuid());
                    wait_audibly(&call);
                    answer = begin_answer();
                }
                _ => {}
            }
        }
    }
}

/// Plays a quiet tone until the answer comes.
fn wait_audibly(call: &IncomingCall) {
    if let Some(country) = Country::find("us") {
        let tone = country.tone(ToneName::Ringback).audio(call.answer_rate());
        // An error says that the call is over.
        let _ = call.set_bed(Bed::new(tone).volume(0.04));
    }
}

/// The sentences of an answer. Dropping the receiver cancels the answer.
type Answer = mpsc::Receiver<String>;

fn begin_answer() -> Answer {
    let (sender, answer) = mpsc::channel(1);
    tokio::spawn(async move {
        tokio::select! {
            () = think(&sender) => {}
            // The receiver is dropped. This drops `think`, with its connection to the model.
            () = sender.closed() => {}
        }
    });
    answer
}

/// Stops the playout, and cancels the answer.
fn interrupt(call: &IncomingCall, answer: &mut Answer) {
    call.remove_bed();
    let unheard = call.clear().duration.as_millis();
    // The channel is closed after the last sentence.
    if unheard > 0 || !answer.is_closed() {
        println!("{}: answer cancelled, {unheard} ms unheard", call.uuid());
    }
    *answer = mpsc::channel(1).1;
}

/// A stand-in for a language model. A real one gets the text of the caller, and streams its answer over HTTP.
async fn think(sentences: &mpsc::Sender<String>) {
    let answer = [
        "I heard you.",
        "I thought about it for a long time.",
        "Press a key if my answer is too long.",
        "It has one more sentence.",
    ];
    for sentence in answer {
        sleep(Duration::from_millis(500)).await;
        // An error says that the answer is cancelled, and that this future is dropped next.
        let _ = sentences.send(sentence.to_owned()).await;
    }
}
