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
//! cargo run -p audiosocket-blocking --example blocking_bot -- 127.0.0.1:9092
//! ```

mod ears;
mod recogniser;
mod synthesiser;

use std::collections::VecDeque;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, thread};

use audiosocket_blocking::{
    Bytes, CallEvent, CallHandle, Dropped, DtmfDigit, IncomingCall, SampleRate, SendError, Server,
    ServerOptions, SessionConfig, Uuid, incoming,
};

use ears::{Ears, Heard};
use recogniser::Pauses;
use synthesiser::{Beeps, Synthesiser, speech};

/// After so long without audio the caller is taken to be silent.
const NO_AUDIO: Duration = Duration::from_millis(100);

fn main() -> io::Result<()> {
    let addr = std::env::args().nth(1);
    let addr = addr.unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    // How far the synthesiser may be ahead of what the caller hears. It bridges a synthesiser that
    // stutters; more would only be dropped when the caller interrupts.
    let session = SessionConfig::new().max_playout(Duration::from_secs(5));

    let (acceptor, mut calls) = incoming();
    let options = ServerOptions::new().bind(addr).session(session);
    let server = Server::start(acceptor, options)?;
    println!("listening on {}", server.local_addrs()[0]);

    // One synthesiser for all calls. Yours goes here.
    let synthesiser: Arc<dyn Synthesiser> = Arc::new(Beeps);
    thread::spawn(move || {
        for call in calls.blocking() {
            let synthesiser = Arc::clone(&synthesiser);
            let thread = thread::Builder::new().spawn(move || converse(call, &*synthesiser));
            // Without one the call was dropped, which hung it up; the others go on.
            if let Err(error) = thread {
                eprintln!("no thread for a call: {error}");
            }
        }
    });
    server.serve_forever()
}

/// One call, from greeting to goodbye. This thread listens; another one answers and speaks, and
/// may wait for whatever it takes to.
fn converse(mut call: IncomingCall, synthesiser: &dyn Synthesiser) {
    let uuid = call.uuid();
    let mouth = Mouth {
        uuid,
        handle: call.handle().clone(),
        synthesiser,
        turn: Mutex::new(0),
    };
    // One recogniser for each call. Yours goes here.
    let mut ears = Ears::new(Box::new(Pauses::new()));
    let goodbye = thread::scope(|scope| {
        let (answer, to_answer) = sync_channel::<(u64, String, SampleRate)>(1);
        scope.spawn(|| {
            for (turn, said, rate) in to_answer {
                mouth.respond(turn, &said, rate);
            }
        });
        // What is still to be answered. Nothing has been said yet, which is answered by a greeting.
        let mut said = Some(String::new());
        loop {
            if let Some(said) = said.take() {
                let turn = *mouth.turn();
                if answer.send((turn, said, ears.rate())).is_err() {
                    // The other thread has panicked, which the scope will tell.
                    return false;
                }
            }
            let Some(next) = listen(&mut call, &mut ears) else {
                // The caller has hung up.
                return false;
            };
            // Barge-in, be it by voice or by key.
            let unheard = mouth.interrupt();
            if unheard.samples > 0 {
                println!("{uuid}: interrupted, {:.2?} unheard", unheard.duration);
            }
            match next {
                // It has made the bot fall silent. What is said comes when it is over. If it was no
                // speech after all, nothing comes: a bot in earnest goes on after a while.
                Input::Voice(Heard::Begins) => {}
                Input::Voice(Heard::Said(text)) => {
                    println!("{uuid}: caller: {text}");
                    said = Some(text);
                }
                Input::Key(key) if key.as_char() == '#' => return true,
                Input::Key(_) => {}
            }
        }
    });
    if goodbye {
        // Said to its end, whatever the caller does. Its last frame has left then, and lasts a while:
        // to drop the call here would cut it off.
        let turn = *mouth.turn();
        mouth.say(turn, "Goodbye", ears.rate());
        call.handle().hangup_after_playout();
        call.blocking().for_each(drop);
    }
}

/// What the caller does.
enum Input {
    Voice(Heard),
    Key(DtmfDigit),
}

/// Waits for what the caller does next; `None` when the call is over.
fn listen(call: &mut IncomingCall, ears: &mut Ears) -> Option<Input> {
    loop {
        if let Some(heard) = ears.next() {
            return Some(Input::Voice(heard));
        }
        match call.next_timeout(NO_AUDIO) {
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

/// What answers, and speaks: on one thread, and is interrupted by another.
struct Mouth<'a> {
    uuid: Uuid,
    handle: CallHandle,
    synthesiser: &'a dyn Synthesiser,
    /// How often it was interrupted. What belongs to an earlier turn is not said any more.
    turn: Mutex<u64>,
}

impl Mouth<'_> {
    /// Answers what the caller said, and returns when the caller has heard it.
    fn respond(&self, turn: u64, said: &str, rate: SampleRate) {
        let text = answer(said);
        println!("{}: bot: {text}", self.uuid);
        self.say(turn, &text, rate);
    }

    /// Says `text`, and returns when the caller has heard it, or when the turn is over.
    fn say(&self, turn: u64, text: &str, rate: SampleRate) {
        // One for each piece that is queued, which says when it has been played.
        let mut queued = VecDeque::new();
        for piece in speech(self.synthesiser, text, rate) {
            let piece = Bytes::from(piece);
            while let Err(error) = self.play(turn, rate, piece.clone()) {
                let SendError::PlayoutFull { .. } = error else {
                    return;
                };
                // Back-pressure: there is room when the oldest piece has been played.
                let oldest = queued.pop_front();
                oldest.unwrap_or_else(|| self.handle.played()).wait();
            }
            queued.push_back(self.handle.played());
        }
        self.handle.played().wait();
    }

    /// Queues a piece; [`SendError::NoCall`] also if the turn is over.
    fn play(&self, turn: u64, rate: SampleRate, piece: Bytes) -> Result<(), SendError> {
        // Held until the piece is queued, so that none is after its turn has been cleared.
        let current = self.turn();
        if *current == turn {
            self.handle.try_play((rate, piece))
        } else {
            Err(SendError::NoCall)
        }
    }

    /// Falls silent, and tells how much of what was queued is not heard.
    fn interrupt(&self) -> Dropped {
        let mut turn = self.turn();
        *turn += 1;
        self.handle.clear()
    }

    fn turn(&self) -> MutexGuard<'_, u64> {
        // A number is never half changed.
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What to say when the caller has `said` this; at the beginning of the call, nothing.
///
/// Your dialogue goes here, or a language model. It may take its time. If the caller goes on
/// speaking meanwhile, what it returns is not said.
fn answer(said: &str) -> String {
    if said.is_empty() {
        "Hello, this is a bot that has no words but beeps: one for each. Say something after them, \
         or while they last, and they tell you how long you spoke. To leave, press the hash key."
            .to_owned()
    } else {
        format!("That was {said}")
    }
}
