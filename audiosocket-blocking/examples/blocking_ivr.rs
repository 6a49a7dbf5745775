//! An IVR: a menu that is answered by key presses, and falls silent at the first of them.
//!
//! `1` takes a number of up to four digits, ended by `#` or by waiting, and says it back; `2` plays
//! a tune. Any other key repeats the menu, as does none for five seconds; after three menus the
//! call is hung up. The menu is a WAV file, if one is given. All else is tones, a digit as many
//! beeps as an old telephone's dial made pulses.
//!
//! A dialogue reads from the top down here because it asks for what happens, by
//! [`IncomingCall::next_timeout`], where a `Handler` would be called back and have to remember where
//! it is.
//!
//! ```sh
//! cargo run -p audiosocket-blocking --example blocking_ivr -- 127.0.0.1:9092 menu.wav
//! ```

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_blocking::{
    Bytes, CallEvent, IncomingCall, MarkOutcome, SampleRate, SendError, Server, ServerOptions,
    incoming,
};
use audiosocket_media::{pcm, wav};

const RATE: SampleRate = SampleRate::Hz8000;

/// How long to wait for a key once the question has been heard.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait for the next key of a number.
const BETWEEN_KEYS: Duration = Duration::from_secs(3);

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let menu = match args.next() {
        Some(path) => slin(&wav::read_file(path, RATE, Duration::from_secs(60))?),
        None => slin(&tone(440, 2_000)),
    };

    let (acceptor, mut calls) = incoming();
    let server = Server::start(acceptor, ServerOptions::new().bind(addr))?;
    println!("listening on {}", server.local_addrs()[0]);
    thread::spawn(move || {
        for call in calls.blocking() {
            let menu = menu.clone();
            let thread = thread::Builder::new().spawn(move || {
                let uuid = call.uuid();
                let mut caller = Caller { call, asked: 0 };
                match caller.choose(&menu) {
                    Ok(()) => {}
                    Err(SendError::NoCall) => println!("{uuid}: the caller hung up"),
                    Err(error) => eprintln!("{uuid}: {error}"),
                }
            });
            // Without one the call was dropped, which hung it up; the others go on.
            if let Err(error) = thread {
                eprintln!("no thread for a call: {error}");
            }
        }
    });
    Ok(server.serve_forever()?)
}

struct Caller {
    call: IncomingCall,
    /// How many questions.
    asked: u64,
}

impl Caller {
    /// The dialogue. It ends with [`SendError::NoCall`] wherever the caller hangs up.
    fn choose(&mut self, menu: &Bytes) -> Result<(), SendError> {
        for _ in 0..3 {
            match self.ask(menu.clone(), 1)?.as_str() {
                "1" => {
                    let number = self.ask(slin(&tone(660, 1_000)), 4)?;
                    println!("{}: entered {number:?}", self.call.uuid());
                    return self.part(slin(&pulses(&number)));
                }
                "2" => {
                    let tune = [523, 659, 784].map(|hz| tone(hz, 300)).concat();
                    return self.part(slin(&tune));
                }
                _ => {}
            }
        }
        println!("{}: chose nothing", self.call.uuid());
        self.part(slin(&tone(220, 500)))
    }

    /// Plays `question` and collects the answer: up to `max` keys, without the `#` that may end it
    /// earlier. Empty if there is none in time.
    fn ask(&mut self, question: Bytes, max: usize) -> Result<String, SendError> {
        self.asked += 1;
        self.call.handle().try_play((RATE, question))?;
        self.call.handle().mark(self.asked)?;
        let mut keys = String::new();
        // None while the question is heard: that takes as long as it takes.
        let mut deadline = None;
        while keys.len() < max {
            let Some(event) = self.next(deadline) else {
                break;
            };
            match event {
                CallEvent::Dtmf(key) => {
                    // Nobody wants to hear the rest. Keys may also come before the question has
                    // begun, from callers who know the menu: then it is not heard at all.
                    self.call.handle().clear();
                    if key.as_char() == '#' {
                        break;
                    }
                    keys.push(key.as_char());
                    deadline = Some(Instant::now() + BETWEEN_KEYS);
                }
                // Of this question, and not of one before that was played out in the moment in
                // which it was answered.
                CallEvent::Mark(mark, MarkOutcome::Played) if mark == self.asked => {
                    deadline = Some(Instant::now() + PATIENCE);
                }
                CallEvent::Ended(_) => return Err(SendError::NoCall),
                _ => {}
            }
        }
        Ok(keys)
    }

    /// What happens next; `None` if nothing does until the deadline. The caller's audio happens
    /// fifty times a second, so that a time-out for each event would never come.
    fn next(&mut self, deadline: Option<Instant>) -> Option<CallEvent> {
        match deadline {
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                self.call.next_timeout(left).ok()?
            }
            None => self.call.blocking().next(),
        }
    }

    /// Plays the last of it, and hangs up.
    fn part(&mut self, last: Bytes) -> Result<(), SendError> {
        self.call.handle().try_play((RATE, last))?;
        self.call.handle().hangup_after_playout();
        // To the end, since dropping the call would hang up at once.
        self.call.blocking().for_each(drop);
        Ok(())
    }
}

fn slin(samples: &[i16]) -> Bytes {
    let mut slin = Vec::new();
    pcm::to_slin(samples, &mut slin);
    slin.into()
}

fn tone(hz: u32, ms: u32) -> Vec<i16> {
    let step = std::f64::consts::TAU * f64::from(hz) / f64::from(RATE.hz());
    let samples = 0..ms * RATE.hz() / 1_000;
    samples
        .map(|sample| ((f64::from(sample) * step).sin() * 8_000.0) as i16)
        .collect()
}

/// Each digit as so many beeps, 0 as ten.
fn pulses(number: &str) -> Vec<i16> {
    let mut samples = tone(0, 200);
    for digit in number.chars().filter_map(|key| key.to_digit(10)) {
        for _ in 0..if digit == 0 { 10 } else { digit } {
            samples.extend(tone(880, 100));
            samples.extend(tone(0, 100));
        }
        samples.extend(tone(0, 400));
    }
    samples
}
