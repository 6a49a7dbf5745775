use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use audiosocket_media::{Resampler, SampleRate};
use audiosocket_tokio::{AudioBuf, Call, CallHandle, SendError};

use crate::serve::play_rate::WAIT_IS_OVER;

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
mod tests {
    use std::task::Waker;

    use audiosocket_media::Prompt;
    use audiosocket_proto::{Decoder, MarkOutcome, Message, SessionConfig, Timestamp, Transmit};
    use audiosocket_server::{CallDriver, Calls};
    use audiosocket_tokio::{CallRequest, Handler};

    use super::*;

    const RATE: SampleRate = SampleRate::Hz8000;

    fn part(number: i16) -> AudioBuf {
        let first = 1 + number * 800;
        let samples: Vec<i16> = (first..first + 800).collect();
        AudioBuf::from_samples(RATE, &samples)
    }

    struct TestPlayer(SharedPlayer);

    impl Handler for TestPlayer {
        fn on_start(&mut self, call: &mut Call<'_>) {
            self.0.start(call, RATE).unwrap();
        }

        fn on_mark(&mut self, call: &mut Call<'_>, mark: u64, _: MarkOutcome) {
            self.0.resume(call, mark).unwrap();
        }
    }

    #[test]
    fn each_rate_has_the_same_samples_whether_it_is_converted_before_or_after_the_audio_arrives() {
        let parts: Vec<_> = (0..20).map(part).collect();
        let convert = |early: bool| {
            let audio = SharedAudio::new(RATE, [RATE, SampleRate::Hz12000]);
            for part in &parts {
                audio.add(part);
                if early {
                    audio.prepare(SampleRate::Hz12000);
                }
            }
            audio.complete();
            audio.prepare(SampleRate::Hz12000);
            let converted = audio.lock(1);
            let samples = converted.parts.iter().flat_map(AudioBuf::samples);
            samples.collect::<Vec<_>>()
        };
        let all: Vec<_> = parts.iter().flat_map(AudioBuf::samples).collect();
        let wanted = Prompt::from_samples(RATE, all).at(SampleRate::Hz12000);
        let wanted: Vec<_> = wanted.samples().collect();
        assert_eq!(convert(false), wanted);
        assert_eq!(convert(true), wanted);
    }

    #[test]
    fn a_long_file_is_cut_into_parts_that_share_its_memory() {
        let file = AudioBuf::from_samples(RATE, &[1; 50_001]);
        let audio = SharedAudio::new(RATE, [RATE]);
        audio.add(&file);
        audio.prepare(RATE);
        let parts = &audio.lock(0).parts;
        let mut at = 0;
        for part in parts {
            assert!(part.duration() <= LONGEST_PART);
            assert_eq!(part.bytes().as_ptr(), file.bytes()[at..].as_ptr());
            at += part.bytes().len();
        }
        assert_eq!((parts.len(), at), (4, 100_002));
    }

    /// The playout holds 1 s, and 4 s arrive at once. The call must play all of it, in virtual time.
    #[test]
    fn audio_that_arrives_faster_than_a_call_plays_is_played_completely() {
        let audio = Arc::new(SharedAudio::new(RATE, [RATE]));
        let shared = audio.clone();
        let acceptor =
            move |_: &CallRequest<'_>| Ok(TestPlayer(SharedPlayer::new(shared.clone(), false)));
        let config = SessionConfig::default().max_playout(Duration::from_secs(1));
        let (calls, mut now) = (Calls::default(), Timestamp::ZERO);
        let acceptor = Arc::new(acceptor);
        let mut driver = CallDriver::new(acceptor, "peer".into(), config, &calls, now);
        audio.add(&part(0));
        driver.receive(now, b"\x01\x00\x10sixteen bytes !!");
        for number in 1..=38 {
            audio.add(&part(number));
        }
        audio.complete();

        let mut sent = Vec::new();
        loop {
            driver.poll_commands(now, Waker::noop());
            match driver.poll_transmit() {
                Transmit::Bytes(bytes) => {
                    let len = bytes.len();
                    sent.extend_from_slice(bytes);
                    driver.transmitted(now, len);
                }
                Transmit::Idle => {
                    now = driver.poll_timeout().expect("a deadline").max(now);
                    driver.handle_timeout(now);
                }
                _ => break,
            }
        }
        let (mut decoder, mut input) = (Decoder::new(), &sent[..]);
        let mut samples = Vec::new();
        while let Some(frame) = decoder.decode(&mut input) {
            if let Ok(Message::Audio(audio)) = Message::parse(frame) {
                audiosocket_media::pcm::from_slin(audio.payload(), &mut samples);
            }
        }
        samples.retain(|sample| *sample != 0);
        let expected: Vec<i16> = (0..=38)
            .flat_map(|number| part(number).samples().collect::<Vec<_>>())
            .collect();
        assert_eq!(samples, expected);
    }
}
