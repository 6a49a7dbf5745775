//! A voice bot to start from: it greets, listens, answers, and falls silent when the caller speaks or presses a
//! key. Two stand-ins take the places of yours: [`EnergyVad`] finds speech, where a recogniser gets the same
//! audio, and [`synthesise`] says each word as a beep. A slow synthesiser runs elsewhere, and sends its pieces
//! by [`IncomingCall::injector`]: they come as [`CallEvent::Injected`].
//!
//! ```sh
//! cargo run -p audiosocket-smol --example smol_bot -- 127.0.0.1:9092
//! ```

use std::io;
use std::iter::{Peekable, repeat_n};
use std::time::Duration;

use async_signal::{Signal, Signals};
use audiosocket_media::tone;
use audiosocket_media::vad::{EnergyOptions, EnergyVad, VadEvent};
use audiosocket_smol::config::SessionConfig;
use audiosocket_smol::{AudioBuf, CallEvent, IncomingCall, SampleRate, SendError, Server};
use smol::{Timer, future, stream::StreamExt};

const NO_AUDIO: Duration = Duration::from_millis(100); // without audio, the caller is silent

const GREETING: &str = "Hello, this is a bot that has no words but beeps: one for each. Say something \
    after them, or while they last, and they say how long you spoke. To leave, press the hash key.";

fn main() -> io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:9092".into());
    // How far the speech may be ahead of what the caller hears.
    let session = SessionConfig::new().max_playout(Duration::from_secs(5));
    let builder = Server::builder().bind(addr).session(session);
    smol::block_on(async {
        let server = builder.listen().await?;
        println!("listening on {}", server.local_addrs()[0]);
        let (handle, mut signals) = (server.handle(), Signals::new([Signal::Int])?);
        let shut_down = async move {
            signals.next().await;
            handle.shutdown(Duration::from_secs(10));
        };
        smol::spawn(shut_down).detach();
        server.serve_calls(talk).await
    })
}

async fn talk(mut call: IncomingCall) -> Result<(), SendError> {
    let (uuid, mut rate) = (call.uuid(), SampleRate::Hz8000);
    let mut vad = EnergyVad::new(rate, EnergyOptions::default());
    let (mut vad_events, mut started_at) = (Vec::new(), 0);
    let mut speech = say(&call, GREETING);
    loop {
        // Plays what there is room for. The rest follows after the next event.
        let play = |piece: &AudioBuf| call.try_play(piece.clone()).is_ok();
        while speech.next_if(play).is_some() {}
        let silence = async { Err(Timer::after(NO_AUDIO).await) };
        let event = future::or(async { Ok(call.next().await) }, silence);
        let audio = match event.await {
            Ok(Some(CallEvent::Audio(audio))) => audio,
            Ok(Some(CallEvent::Dtmf(key))) if key.as_char() == '#' => break,
            Ok(Some(CallEvent::Dtmf(_))) => {
                speech = interrupt(&call);
                continue;
            }
            Ok(Some(CallEvent::Ended(end))) => {
                println!("{uuid}: {end}");
                return Ok(());
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
                    speech = interrupt(&call);
                }
                VadEvent::SpeechEnded { at, .. } => {
                    let spoken = rate.duration_of(at - started_at).as_millis();
                    println!("{uuid}: caller: {spoken} milliseconds of speech");
                    speech = say(&call, &format!("That was {spoken} milliseconds of speech"));
                }
                _ => {}
            }
        }
    }
    call.clear();
    for piece in say(&call, "Goodbye") {
        call.play(piece).await?;
    }
    call.hangup_after_playout();
    // To the end: dropping the call would cut the last frame off.
    while call.next().await.is_some() {}
    Ok(())
}

type Speech = Peekable<Box<dyn Iterator<Item = AudioBuf> + Send>>;

fn say(call: &IncomingCall, text: &str) -> Speech {
    println!("{}: bot: {text}", call.uuid());
    synthesise(text, call.sample_rate().unwrap_or_default()).peekable()
}

fn interrupt(call: &IncomingCall) -> Speech {
    let (uuid, dropped) = (call.uuid(), call.clear());
    if dropped.samples > 0 {
        println!("{uuid}: interrupted, {:.2?} unheard", dropped.duration);
    }
    synthesise("", SampleRate::Hz8000).peekable()
}

/// Speech in pieces: each word is a beep of 150 ms, and a pause of 100 ms.
fn synthesise(text: &str, rate: SampleRate) -> Box<dyn Iterator<Item = AudioBuf> + Send> {
    let mut beep = tone(rate, 600, Duration::from_millis(150));
    beep.resize(rate.samples_in(Duration::from_millis(250)) as usize, 0);
    let words = text.split_whitespace().count();
    Box::new(repeat_n(AudioBuf::from_samples(rate, &beep), words))
}
