//! An IVR: a menu that is answered by key presses, and falls silent at the first of them.
//!
//! `1` takes a number of up to four digits, ended by `#` or by waiting, and says it back; `2` plays
//! a tune. Any other key repeats the menu, as does none for five seconds; after three menus the
//! call is hung up. The menu is a WAV file, if one is given. All else is tones, a digit as many
//! beeps as an old telephone's dial made pulses.
//!
//! The dialogue reads from the top down, since it waits for events by [`IncomingCall::next_timeout`]. A
//! `Handler` would have to remember where it is.
//!
//! ```sh
//! cargo run -p audiosocket-blocking --example blocking_ivr -- 127.0.0.1:9092 menu.wav
//! ```

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_blocking::{
    AudioBuf, CallEvent, IncomingCall, MarkOutcome, SampleRate, SendError, Server,
};
use audiosocket_media::file::AudioReader;
use audiosocket_media::tone;
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

const RATE: SampleRate = SampleRate::Hz8000;

/// How long to wait for a key once the question has been heard.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait for the next key of a number.
const BETWEEN_KEYS: Duration = Duration::from_secs(3);

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let menu = match args.next() {
        Some(path) => audio(&AudioReader::open(path)?.read_all(RATE, Duration::from_secs(60))?),
        None => beep(440, 2_000),
    };

    let server = Server::bind(addr)?;
    println!("listening on {}", server.local_addrs()[0]);
    let (handle, mut signals) = (server.handle(), Signals::new([SIGINT])?);
    thread::spawn(move || {
        signals.forever().next();
        handle.shutdown(Duration::from_secs(10));
    });
    let talk = move |call: IncomingCall| {
        let uuid = call.uuid();
        match (Dialogue { call, asked: 0 }).choose(&menu) {
            Ok(()) => {}
            Err(SendError::NoCall) => println!("{uuid}: the caller hung up"),
            Err(error) => eprintln!("{uuid}: {error}"),
        }
    };
    Ok(server.serve_calls(talk)?)
}

struct Dialogue {
    call: IncomingCall,
    /// How many questions.
    asked: u64,
}

impl Dialogue {
    /// Ends with [`SendError::NoCall`] when the caller hangs up.
    fn choose(&mut self, menu: &AudioBuf) -> Result<(), SendError> {
        for _ in 0..3 {
            match self.ask(menu.clone(), 1)?.as_str() {
                "1" => {
                    let number = self.ask(beep(660, 1_000), 4)?;
                    println!("{}: entered {number:?}", self.call.uuid());
                    return self.part(audio(&pulses(&number)));
                }
                "2" => {
                    let tune = [523, 659, 784].map(|hz| samples(hz, 300)).concat();
                    return self.part(audio(&tune));
                }
                _ => {}
            }
        }
        println!("{}: chose nothing", self.call.uuid());
        self.part(beep(220, 500))
    }

    /// Plays `question` and collects the answer: up to `max` keys, without the `#` that may end it
    /// earlier. Empty if there is none in time.
    fn ask(&mut self, question: AudioBuf, max: usize) -> Result<String, SendError> {
        self.asked += 1;
        self.call.try_play(question)?;
        self.call.mark(self.asked)?;
        let mut keys = String::new();
        // None while the question is played.
        let mut deadline = None;
        while keys.len() < max {
            let Some(event) = self.next(deadline) else {
                break;
            };
            match event {
                CallEvent::Dtmf(key) => {
                    // The rest of the question is not needed. Callers who know the menu press keys
                    // before it has begun, and then hear none of it.
                    self.call.clear();
                    if key.as_char() == '#' {
                        break;
                    }
                    keys.push(key.as_char());
                    deadline = Some(Instant::now() + BETWEEN_KEYS);
                }
                // Of this question, and not of an earlier one whose end crossed its answer.
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
            None => self.call.next(),
        }
    }

    /// Plays the last audio, and hangs up.
    fn part(&mut self, last: AudioBuf) -> Result<(), SendError> {
        self.call.try_play(last)?;
        self.call.hangup_after_playout();
        // To the end: dropping the call would hang up at once.
        self.call.by_ref().for_each(drop);
        Ok(())
    }
}

fn audio(samples: &[i16]) -> AudioBuf {
    AudioBuf::from_samples(RATE, samples)
}

fn beep(hz: u32, ms: u64) -> AudioBuf {
    audio(&samples(hz, ms))
}

/// A tone; silence at 0 Hz.
fn samples(hz: u32, ms: u64) -> Vec<i16> {
    tone(RATE, hz, Duration::from_millis(ms))
}

/// Each digit as so many beeps, 0 as ten.
fn pulses(number: &str) -> Vec<i16> {
    let mut pulses = samples(0, 200);
    for digit in number.chars().filter_map(|key| key.to_digit(10)) {
        for _ in 0..if digit == 0 { 10 } else { digit } {
            pulses.extend(samples(880, 100));
            pulses.extend(samples(0, 100));
        }
        pulses.extend(samples(0, 400));
    }
    pulses
}
