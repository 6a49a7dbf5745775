//! A voice bot to start from: it greets, listens, answers, and falls silent when it is interrupted.
//!
//! It needs no model and no network, since stand-ins take their places: a recogniser that knows how
//! long the caller spoke, and a synthesiser that says each word as a beep. Three things make it
//! yours, and nothing else has to change:
//!
//! 1. a [`Recogniser`](recogniser::Recogniser) for your speech to text, in place of `Pauses`;
//! 2. a [`Synthesiser`] for your text to speech, in place of `Beeps`;
//! 3. what to [`answer`].
//!
//! Read this file from here down, and then `ears.rs`, `recogniser.rs` and `synthesiser.rs`.
//!
//! ```text
//!                  ears.rs                                       main.rs: answer
//! caller's audio ──► voice activity ──► begins to speak ──► clear     │
//!                └─► resampler ──► recogniser.rs ──► said ──► text ───┘
//!                                                                     ▼
//! caller's ear ◄── playout ◄── play ◄── resampler ◄── synthesiser.rs ◄── text
//! ```
//!
//! ```sh
//! cargo run -p audiosocket-tokio --example bot -- 127.0.0.1:9092
//! ```

mod ears;
mod recogniser;
mod synthesiser;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use audiosocket_tokio::{
    Bytes, CallEvent, CallHandle, DtmfDigit, IncomingCall, SampleRate, SendError, Server,
    ServerOptions, SessionConfig, Uuid, incoming,
};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use ears::{Ears, Heard};
use recogniser::Pauses;
use synthesiser::{Beeps, Synthesiser, speech};

/// After so long without audio the caller is taken to be silent.
const NO_AUDIO: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> io::Result<()> {
    let addr = std::env::args().nth(1);
    let addr = addr.unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    // How far the synthesiser may be ahead of what the caller hears. It bridges a synthesiser that
    // stutters; more would only be dropped when the caller interrupts.
    let session = SessionConfig::new().max_playout(Duration::from_secs(5));

    let (acceptor, mut calls) = incoming();
    let options = ServerOptions::new().bind(addr).session(session);
    let server = Server::start(acceptor, options).await?;
    for addr in server.local_addrs() {
        println!("listening on {addr}");
    }

    // One synthesiser for all calls. Yours goes here.
    let synthesiser: Arc<dyn Synthesiser> = Arc::new(Beeps);
    tokio::spawn(async move {
        while let Some(call) = calls.accept().await {
            let bot = Bot {
                uuid: call.uuid(),
                handle: call.handle().clone(),
                synthesiser: Arc::clone(&synthesiser),
            };
            tokio::spawn(converse(call, bot));
        }
    });
    server.serve_forever().await
}

/// One call, from greeting to goodbye.
async fn converse(mut call: IncomingCall, bot: Bot) {
    let uuid = call.uuid();
    // One recogniser for each call. Yours goes here.
    let mut ears = Ears::new(Box::new(Pauses::new()));
    // What is still to be answered. Nothing has been said yet, which is answered by a greeting.
    let mut said = Some(String::new());
    loop {
        let rate = ears.rate();
        let next = match said.take() {
            None => listen(&mut call, &mut ears).await,
            // The two go on at the same time, and whichever is first ends the other.
            Some(said) => tokio::select! {
                next = listen(&mut call, &mut ears) => {
                    // Barge-in, be it by voice or by key. The answer has been dropped where it was,
                    // so nothing can be queued after this.
                    let unheard = bot.handle.clear();
                    if unheard.samples > 0 {
                        println!("{uuid}: interrupted, {:.2?} unheard", unheard.duration);
                    }
                    next
                }
                () = bot.respond(&said, rate) => continue,
            },
        };
        match next {
            // It has made the bot fall silent. What is said comes when it is over. If it was no
            // speech after all, nothing comes: a bot in earnest goes on after a while.
            Some(Input::Voice(Heard::Begins)) => {}
            Some(Input::Voice(Heard::Said(text))) => {
                println!("{uuid}: caller: {text}");
                said = Some(text);
            }
            Some(Input::Key(key)) if key.as_char() == '#' => break,
            Some(Input::Key(_)) => {}
            // The caller has hung up.
            None => return,
        }
    }
    // Said to its end, whatever the caller does. Its last frame has left then, and lasts a while: to
    // drop the call here would cut it off.
    bot.say("Goodbye", ears.rate()).await;
    call.handle().hangup_after_playout();
    while call.next().await.is_some() {}
}

/// What the caller does.
enum Input {
    Voice(Heard),
    Key(DtmfDigit),
}

/// Waits for what the caller does next; `None` when the call is over. Nothing is lost if it is
/// dropped before: all that it has taken from the call is in `ears`.
async fn listen(call: &mut IncomingCall, ears: &mut Ears) -> Option<Input> {
    loop {
        if let Some(heard) = ears.next() {
            return Some(Input::Voice(heard));
        }
        match timeout(NO_AUDIO, call.next()).await {
            Ok(Some(CallEvent::Audio(audio))) => ears.hear(audio.rate(), audio.bytes()),
            Ok(Some(CallEvent::Dtmf(key))) => return Some(Input::Key(key)),
            // This code is too slow. The call goes on, without the oldest of what it said.
            Ok(Some(CallEvent::Lagged(lag))) => eprintln!("{}: {lag}", call.uuid()),
            Ok(Some(CallEvent::Ended(end))) => println!("{}: {end}", call.uuid()),
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(_) => ears.hear_nothing(NO_AUDIO),
        }
    }
}

/// What answers, and speaks. Dropping one of its futures makes it stop at once, but for what is in
/// the playout already.
struct Bot {
    uuid: Uuid,
    handle: CallHandle,
    synthesiser: Arc<dyn Synthesiser>,
}

impl Bot {
    /// Answers what the caller said, and returns when the caller has heard it.
    async fn respond(&self, said: &str, rate: SampleRate) {
        let text = answer(said).await;
        println!("{}: bot: {text}", self.uuid);
        self.say(&text, rate).await;
    }

    /// Says `text`, and returns when the caller has heard it.
    async fn say(&self, text: &str, rate: SampleRate) {
        // A synthesiser computes for long, or blocks, which a task must not. This runs on one of
        // tokio's threads for that (512 unless `max_blocking_threads` is set). It waits where the channel is
        // full, and ends where nobody receives any more. A client that is asynchronous already
        // goes into a task in its place, and sends to the same channel.
        let (sender, mut pieces) = mpsc::channel(2);
        let (synthesiser, text) = (Arc::clone(&self.synthesiser), text.to_owned());
        spawn_blocking(move || {
            for piece in speech(&*synthesiser, &text, rate) {
                if sender.blocking_send(piece).is_err() {
                    break;
                }
            }
        });

        // One for each piece that is queued, which says when it has been played.
        let mut queued = VecDeque::new();
        while let Some(piece) = pieces.recv().await {
            let piece = Bytes::from(piece);
            while let Err(error) = self.handle.try_play((rate, piece.clone())) {
                let SendError::PlayoutFull { .. } = error else {
                    // The call is over, which `listen` tells.
                    return;
                };
                // Back-pressure: there is room when the oldest piece has been played.
                let oldest = queued.pop_front();
                oldest.unwrap_or_else(|| self.handle.played()).await;
            }
            queued.push_back(self.handle.played());
        }
        self.handle.played().await;
    }
}

/// What to say when the caller has `said` this; at the beginning of the call, nothing.
///
/// Your dialogue goes here, or a language model. It may take its time, and is dropped if the caller
/// goes on speaking: what it has to remember of a call belongs where that cannot harm it.
async fn answer(said: &str) -> String {
    if said.is_empty() {
        "Hello, this is a bot that has no words but beeps: one for each. Say something after them, \
         or while they last, and they tell you how long you spoke. To leave, press the hash key."
            .to_owned()
    } else {
        format!("That was {said}")
    }
}
