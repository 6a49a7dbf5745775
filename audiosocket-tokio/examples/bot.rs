//! A voice bot to start from. It greets, listens and answers. It stops speaking when the caller speaks or presses a key, and
//! not for a door, a tone or its own echo.
//!
//! Two parts stand for yours. `recognised` counts the samples that a recogniser gets: yours returns their text (see
//! the example `recogniser`). `synthesise` says each word as a beep: yours makes speech of the text. For an answer that takes
//! time to make, see the example `thinking`.
//!
//! ```sh
//! cargo run -p audiosocket-tokio --example bot -- 127.0.0.1:9092
//! # Without a phone, in another terminal: a call that interrupts the greeting after two seconds.
//! cargo run --release -p audiosocket-cli -- call 127.0.0.1:9092 --barge-in-after 2s
//! ```

mod shutdown;
mod synthesiser;

use std::io;
use std::time::{Duration, Instant};

use audiosocket_media::barge_in::{BargeIn, BargeInEvent, BargeInOptions, PlayedAudio};
use audiosocket_tokio::{AudioBuf, CallEvent, IncomingCall, SampleRate, Server};
use synthesiser::synthesise;
use tokio::time::timeout;

/// After this time without audio, the caller counts as silent. Some phones send nothing in a pause.
const NO_AUDIO: Duration = Duration::from_millis(100);

const GREETING: &str = "Hello, this bot has no words but beeps: one beep for each word. Say something, \
    now or after the beeps, and the bot says how long you spoke. To end the call, press the hash key.";

#[tokio::main]
async fn main() -> io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:9092".into());
    let server = Server::bind(addr).await?;
    shutdown::on_signal(server.handle())?;
    println!("listening on {}", server.local_addrs()[0]);
    server.serve_calls(talk).await
}

async fn talk(mut call: IncomingCall) {
    let (uuid, mut rate) = (call.uuid(), SampleRate::Hz8000);
    let (mut barge_in, mut found) = (BargeIn::new(BargeInOptions::default()), Vec::new());
    let (mut playing, mut recognised) = (PlayedAudio::new(), None);
    say(&call, &mut playing, GREETING);
    loop {
        let audio = match timeout(NO_AUDIO, call.next()).await {
            Ok(Some(CallEvent::Audio(audio))) => audio,
            Ok(Some(CallEvent::Dtmf(key))) if key.as_char() == '#' => break,
            Ok(Some(CallEvent::ShuttingDown)) => break,
            Ok(Some(CallEvent::Dtmf(_))) if barge_in.key_interrupts() => {
                interrupt(&call, &mut playing);
                continue;
            }
            Ok(Some(CallEvent::Ended(end))) => {
                println!("{uuid}: {end}");
                return;
            }
            Ok(_) => continue,
            Err(_) => AudioBuf::from_samples(rate, &vec![0; rate.samples_in(NO_AUDIO) as usize]),
        };
        rate = audio.rate();
        let (now, samples) = (Instant::now(), audio.samples().collect::<Vec<_>>());
        // The echo of what has left is not the caller.
        for left in playing.left(call.stats().playout.depth) {
            barge_in.played(left.as_audio(), now);
        }
        barge_in.push(rate, &samples, now, &mut found);
        recognised = recognised.map(|count| count + samples.len());
        for event in found.drain(..) {
            match event {
                // At the first sound, before it is certain that the caller speaks.
                BargeInEvent::Suspected => call.pause(),
                BargeInEvent::Dismissed => call.resume(),
                BargeInEvent::Interrupted => interrupt(&call, &mut playing),
                // The pre-roll begins before the first syllable.
                BargeInEvent::SpeechStarted { .. } => recognised = Some(barge_in.pre_roll().len()),
                BargeInEvent::SpeechEnded { .. } => {
                    let samples = recognised.take().unwrap_or(0) as u64;
                    let spoken = rate.duration_of(samples).as_millis();
                    let text = format!("{spoken} milliseconds of speech");
                    println!("{uuid}: caller: {text}");
                    say(&call, &mut playing, &format!("That was {text}"));
                }
                _ => {}
            }
        }
    }
    interrupt(&call, &mut playing);
    say(&call, &mut playing, "Goodbye");
    call.hangup_after_playout();
    // Dropping the call hangs up at once. So the task keeps the call until its last event.
    while call.next().await.is_some() {}
}

fn say(call: &IncomingCall, playing: &mut PlayedAudio, text: &str) {
    println!("{}: bot: {text}", call.uuid());
    let speech = synthesise(text, call.answer_rate());
    match call.try_play(speech.clone()) {
        Ok(()) => playing.queue(speech),
        Err(error) => eprintln!("{}: cannot play: {error}", call.uuid()),
    }
}

fn interrupt(call: &IncomingCall, playing: &mut PlayedAudio) {
    let unheard = call.clear().duration;
    playing.clear(unheard);
    if !unheard.is_zero() {
        println!("{}: interrupted, {unheard:.2?} unheard", call.uuid());
    }
}
