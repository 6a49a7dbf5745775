use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use audiosocket_media::{Resampler, SampleRate};
use audiosocket_tokio::{AudioBuf, Call, CallHandle, SendError};
use serde::{Deserialize, Serialize};

use crate::serve::start_at_rate::WAIT_IS_OVER;

/// A call has at least this much audio in its playout, if it has arrived.
pub(super) const QUEUED: Duration = Duration::from_secs(5);

/// The longest part. It is shorter than [`QUEUED`], so a playout has several parts, and a busy server has time to queue the
/// next one.
const LONGEST_PART: Duration = Duration::from_secs(2);

/// The mark of a call that queues its next part. Other marks but [`END`] are the index of a part, plus 1.
const NEXT_PART: u64 = 0;

/// The mark after the last part. The call hangs up when it has played everything. A hangup in the queue would also end a
/// call that the caller interrupts.
const END: u64 = WAIT_IS_OVER - 1;

/// Audio in parts that all calls share. More parts can arrive while calls play it.
///
/// A rate that no call needs takes no memory.
#[derive(Debug)]
pub(super) struct SharedAudio {
    rate: SampleRate,
    arrived: Mutex<Arrived>,
    /// The rates at which calls can play it.
    rates: Vec<(SampleRate, Mutex<RateAudio>)>,
}

/// The audio at the rate at which it arrives.
#[derive(Debug, Default)]
struct Arrived {
    parts: Vec<AudioBuf>,
    is_complete: bool,
}

/// The audio at one rate.
#[derive(Debug)]
struct RateAudio {
    rate: SampleRate,
    /// `None` if this is the rate at which the audio arrives.
    resampler: Option<Resampler>,
    /// The number of parts that have arrived and are in `parts`.
    taken: usize,
    parts: Vec<AudioBuf>,
    is_complete: bool,
    /// The calls that have queued all parts. They get new parts at once.
    live: Vec<CallHandle>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SharedAudio {
    /// Makes audio that arrives at `rate`. Calls can play it at `rates`.
    pub(super) fn new(rate: SampleRate, rates: impl IntoIterator<Item = SampleRate>) -> Self {
        let of_rate = |to: SampleRate| {
            let audio = RateAudio {
                rate: to,
                resampler: (to != rate).then(|| Resampler::new(rate, to)),
                taken: 0,
                parts: Vec::new(),
                is_complete: false,
                live: Vec::new(),
            };
            (to, Mutex::new(audio))
        };
        Self {
            rate,
            arrived: Mutex::default(),
            rates: rates.into_iter().map(of_rate).collect(),
        }
    }

    /// Adds audio, and plays it on all live calls.
    pub(super) fn add(&self, audio: &AudioBuf) {
        let longest = 2 * self.rate.samples_in(LONGEST_PART) as usize;
        let len = audio.bytes().len();
        let parts = (0..len).step_by(longest).map(|at| {
            let part = audio.bytes().slice(at..len.min(at + longest));
            AudioBuf::new(self.rate, part)
        });
        lock(&self.arrived).parts.extend(parts);
        self.update_live();
    }

    /// No part follows. Live calls end when they have played everything.
    pub(super) fn complete(&self) {
        lock(&self.arrived).is_complete = true;
        self.update_live();
    }

    /// Converts the audio so far to `rate`, so that no call waits for this.
    pub(super) fn prepare(&self, rate: SampleRate) {
        self.lock(self.index_of(rate)).update(&self.arrived);
    }

    fn update_live(&self) {
        for (_, audio) in &self.rates {
            let mut audio = lock(audio);
            if !audio.live.is_empty() {
                audio.update(&self.arrived);
            }
        }
    }

    fn index_of(&self, rate: SampleRate) -> usize {
        let index = self.rates.iter().position(|(other, _)| *other == rate);
        index.unwrap_or(0)
    }

    fn lock(&self, index: usize) -> MutexGuard<'_, RateAudio> {
        lock(&self.rates[index].1)
    }
}

/// The place of a player in the audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    rate: SampleRate,
    /// The index of the next part.
    next: u64,
}

/// Plays a [`SharedAudio`] on one call.
#[derive(Debug)]
pub(super) struct SharedPlayer {
    audio: Arc<SharedAudio>,
    repeat: bool,
    /// The index of the rate of the call.
    rate: usize,
    /// The index of the next part.
    next: usize,
    /// True if new parts are queued as soon as they arrive.
    is_live: bool,
}

impl SharedPlayer {
    pub(super) fn new(audio: Arc<SharedAudio>, repeat: bool) -> Self {
        Self {
            audio,
            repeat,
            rate: 0,
            next: 0,
            is_live: false,
        }
    }

    /// Returns the place in the audio, for a player in another process. Returns `None` while the audio is not complete: the
    /// other process cannot get the rest.
    pub(super) fn place(&self) -> Option<Place> {
        let (rate, audio) = &self.audio.rates[self.rate];
        let is_complete = lock(audio).is_complete;
        is_complete.then_some(Place {
            rate: *rate,
            next: self.next as u64,
        })
    }

    /// Continues the player of another process. The audio can differ: then it continues at the same part.
    pub(super) fn move_to(&mut self, place: Place) {
        self.rate = self.audio.index_of(place.rate);
        self.next = usize::try_from(place.next).unwrap_or(usize::MAX);
    }

    /// Starts to play on `call` at `rate`.
    pub(super) fn start(&mut self, call: &mut Call<'_>, rate: SampleRate) -> Result<(), SendError> {
        self.rate = self.audio.index_of(rate);
        self.play(call)
    }

    /// Continues to play on `call` after a mark.
    pub(super) fn resume(&mut self, call: &mut Call<'_>, mark: u64) -> Result<(), SendError> {
        if mark == END {
            call.hangup_after_playout();
            return Ok(());
        } else if mark != NEXT_PART {
            self.next = usize::try_from(mark - 1).unwrap_or(usize::MAX);
            self.is_live = false;
        } else if self.is_live {
            return Ok(());
        }
        self.play(call)
    }

    /// Queues parts until the playout has [`QUEUED`]. A mark is before each part: when the part before it has been played,
    /// the next part is queued. After the last part, the call starts again, is live, or hangs up.
    fn play(&mut self, call: &mut Call<'_>) -> Result<(), SendError> {
        let mut audio = self.audio.lock(self.rate);
        audio.update(&self.audio.arrived);
        while call.stats().playout.depth < QUEUED {
            if self.repeat && audio.is_complete && self.next == audio.parts.len() {
                self.next = 0;
            }
            let Some(part) = audio.parts.get(self.next) else {
                if audio.is_complete {
                    end(&call.handle());
                } else {
                    audio.live.push(call.handle());
                    self.is_live = true;
                }
                return Ok(());
            };
            if call.stats().playout.depth > Duration::ZERO {
                call.mark(NEXT_PART)?;
            }
            match call.try_play(part.clone()) {
                Ok(()) => self.next += 1,
                // The mark queues it later.
                Err(SendError::PlayoutFull { .. }) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Stops to play on `call`. Returns the duration of the audio that has arrived and is not heard.
    pub(super) fn stop(&self, call: &mut Call<'_>) -> Duration {
        let mut audio = self.audio.lock(self.rate);
        let uuid = Some(call.uuid());
        audio.live.retain(|live| live.uuid() != uuid);
        // A live call has queued all parts.
        let next = match self.is_live {
            true => audio.parts.len(),
            false => self.next,
        };
        let rest = audio.parts.get(next..).unwrap_or_default();
        call.clear().duration + rest.iter().map(AudioBuf::duration).sum::<Duration>()
    }
}

/// Marks the end of the audio of a call. A prebuffer ends too: no audio follows.
fn end(call: &CallHandle) {
    // A new prebuffer replaces the one of the call.
    drop(call.prebuffer(Duration::ZERO));
    if call.mark(END).is_err() {
        call.hangup_after_playout();
    }
}

impl RateAudio {
    /// Converts the parts that have arrived, and plays them on all live calls.
    fn update(&mut self, arrived: &Mutex<Arrived>) {
        let (new, is_complete) = {
            let arrived = lock(arrived);
            (arrived.parts[self.taken..].to_vec(), arrived.is_complete)
        };
        self.taken += new.len();
        let mut samples = Vec::new();
        for part in new {
            let Some(resampler) = &mut self.resampler else {
                self.add(part);
                continue;
            };
            samples.clear();
            resampler.push(&part.samples().collect::<Vec<_>>(), &mut samples);
            self.add(AudioBuf::from_samples(self.rate, &samples));
        }
        if is_complete && !self.is_complete {
            self.is_complete = true;
            if let Some(resampler) = &mut self.resampler {
                samples.clear();
                resampler.finish(&mut samples);
                self.add(AudioBuf::from_samples(self.rate, &samples));
            }
            self.live.drain(..).for_each(|call| end(&call));
        }
    }

    /// Adds a part, and plays it on all live calls.
    fn add(&mut self, part: AudioBuf) {
        if part.bytes().is_empty() {
            return;
        }
        self.live.retain(|call| match call.try_play(part.clone()) {
            Ok(()) => true,
            // The audio arrives faster than the call plays it. The call continues with this part later.
            Err(SendError::PlayoutFull { .. }) => {
                call.mark(self.parts.len() as u64 + 1).ok();
                false
            }
            Err(_) => false,
        });
        self.parts.push(part);
    }
}

#[cfg(test)]
mod tests;
