//! A voice bot to start from. It greets, listens and answers. It stops speaking when the caller speaks or presses a key.
//!
//! Two parts stand for yours. [`EnergyVad`] finds out when the caller speaks: a recogniser gets the same audio.
//! [`synthesise`] says each word as a beep: yours makes speech of the text. The crate `audiosocket-tokio` has examples of
//! a recogniser, and of an answer that takes time to make.
//!
//! ```sh
//! cargo run -p audiosocket-blocking --example blocking_bot -- 127.0.0.1:9092
//! # Without a phone, in another terminal: a call that interrupts the greeting after two seconds.
//! cargo run --release -p audiosocket-cli -- call 127.0.0.1:9092 --barge-in-after 2s
//! ```

mod shutdown;

use std::io;
use std::time::Duration;

use audiosocket_blocking::{AudioBuf, CallEvent, IncomingCall, SampleRate, Server};
use audiosocket_media::tone;
use audiosocket_media::vad::{EnergyOptions, EnergyVad, VadEvent};

/// After this time without audio, the caller counts as silent. Some phones send nothing in a pause.
const NO_AUDIO: Duration = Duration::from_millis(100);

const GREETING: &str = "Hello, this bot has no words but beeps: one beep for each word. Say something, \
    now or after the beeps, and the bot says how long you spoke. To end the call, press the hash key.";

fn main() -> io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:9092".into());
    let server = Server::bind(addr)?;
    shutdown::on_signal(server.handle())?;
    println!("listening on {}", server.local_addrs()[0]);
    server.serve_calls(talk)
}

fn talk(mut call: IncomingCall) {
    let (uuid, mut rate) = (call.uuid(), SampleRate::Hz8000);
    let mut vad = EnergyVad::new(rate, EnergyOptions::default());
    let (mut vad_events, mut started_at) = (Vec::new(), 0);
    say(&call, GREETING);
    loop {
        let audio = match call.next_timeout(NO_AUDIO) {
            Ok(Some(CallEvent::Audio(audio))) => audio,
            Ok(Some(CallEvent::Dtmf(key))) if key.as_char() == '#' => break,
            Ok(Some(CallEvent::ShuttingDown)) => break,
            Ok(Some(CallEvent::Dtmf(_))) => {
                interrupt(&call);
                continue;
            }
            Ok(Some(CallEvent::Ended(end))) => {
                println!("{uuid}: {end}");
                return;
            }
            Ok(_) => continue,
            Err(_) => AudioBuf::from_samples(rate, &vec![0; rate.samples_in(NO_AUDIO) as usize]),
        };
        if audio.rate() != rate {
            rate = audio.rate();
            vad = EnergyVad::new(rate, EnergyOptions::default());
        }
        vad.push(&audio.samples().collect::<Vec<_>>(), &mut vad_events);
        for event in vad_events.drain(..) {
            match event {
                VadEvent::SpeechStarted { at, .. } => {
                    started_at = at;
                    interrupt(&call);
                }
                VadEvent::SpeechEnded { at, .. } => {
                    let spoken = rate.duration_of(at - started_at).as_millis();
                    println!("{uuid}: caller: {spoken} milliseconds of speech");
                    say(&call, &format!("That was {spoken} milliseconds of speech"));
                }
                _ => {}
            }
        }
    }
    call.clear();
    say(&call, "Goodbye");
    call.hangup_after_playout();
    // Dropping the call hangs up at once. So the thread keeps the call until its last event.
    call.for_each(drop);
}

fn say(call: &IncomingCall, text: &str) {
    println!("{}: bot: {text}", call.uuid());
    let rate = call.answer_rate();
    if let Err(error) = call.try_play(synthesise(text, rate)) {
        eprintln!("{}: cannot play: {error}", call.uuid());
    }
}

fn interrupt(call: &IncomingCall) {
    let unheard = call.clear().duration;
    if !unheard.is_zero() {
        println!("{}: interrupted, {unheard:.2?} unheard", call.uuid());
    }
}

/// A stand-in for a speech synthesiser. Each word of `text` is a beep of 150 ms and a pause of 100 ms.
fn synthesise(text: &str, rate: SampleRate) -> AudioBuf {
    let mut word = tone(rate, 600, Duration::from_millis(150));
    word.resize(rate.samples_in(Duration::from_millis(250)) as usize, 0);
    AudioBuf::from_samples(rate, &word.repeat(text.split_whitespace().count()))
}
