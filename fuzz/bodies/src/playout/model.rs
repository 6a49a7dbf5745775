use std::time::Duration;

use audiosocket_proto::{
    AudioBuf, MarkOutcome, PlayoutOutput, PlayoutStats, SampleRate, SendError, SessionConfig,
};

const MILLI: u64 = 1_000_000;

/// A plain model of a playout. It stores every byte separately, its times are numbers, and it stores no value that it can
/// compute.
pub(super) struct PlainPlayout {
    max: Duration,
    fill_silence: bool,
    ptime: u64,
    queue: Vec<Item>,
    marks: Vec<(u32, MarkOutcome)>,
    over: bool,
    sent_rate: Option<SampleRate>,
    received_rate: SampleRate,
    /// The time of the next frame: one ptime after the frame before was due, or after it left if it was late.
    next_frame_at: u64,
    /// True if the frame before left on the schedule and no frame was skipped since.
    on_schedule: bool,
    sent_until: u64,
    silent_until: u64,
    held: bool,
    /// True if the frame before was speech.
    was_speech: bool,
    /// The time when the speech ended, until more audio follows.
    empty_since: Option<u64>,
    stats: PlayoutStats,
}

#[derive(Clone, Copy, PartialEq)]
enum Item {
    Byte(SampleRate, u8),
    Mark(u32),
    Hangup,
}

impl PlainPlayout {
    pub(super) fn new(config: &SessionConfig, now: u64) -> Self {
        Self {
            max: config.max_playout,
            fill_silence: config.fill_silence,
            ptime: config.ptime.duration().as_nanos() as u64,
            queue: Vec::new(),
            marks: Vec::new(),
            over: false,
            sent_rate: None,
            received_rate: SampleRate::Hz8000,
            next_frame_at: now,
            on_schedule: false,
            sent_until: 0,
            silent_until: 0,
            held: false,
            was_speech: false,
            empty_since: None,
            stats: PlayoutStats::default(),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    pub(super) fn play(&mut self, rate: SampleRate, audio: &[u8]) -> Result<(), SendError> {
        if self.over || self.queue.contains(&Item::Hangup) {
            return Err(SendError::NoCall);
        }
        if audio.is_empty() {
            return Err(SendError::EmptyAudio);
        }
        let queued = duration(self.bytes());
        let more = audio.iter().map(|_| rate);
        let sum = duration(self.bytes().chain(more));
        if self.bytes().next().is_some() && sum > self.max {
            return Err(SendError::PlayoutFull { queued });
        }
        let bytes = audio.iter().map(|byte| Item::Byte(rate, *byte));
        self.queue.extend(bytes);
        Ok(())
    }

    pub(super) fn mark(&mut self, mark: u32) -> Result<(), SendError> {
        if self.over {
            return Err(SendError::NoCall);
        }
        let hangup = self.queue.iter().position(|item| *item == Item::Hangup);
        let place = hangup.unwrap_or(self.queue.len());
        self.queue.insert(place, Item::Mark(mark));
        self.pass_marks();
        Ok(())
    }

    /// Clears the queue. Returns the number of samples that were removed.
    pub(super) fn clear(&mut self) -> u64 {
        let samples = self.bytes().count().div_ceil(2) as u64;
        for item in std::mem::take(&mut self.queue) {
            match item {
                Item::Byte(..) => {}
                Item::Mark(mark) => self.marks.push((mark, MarkOutcome::Cleared)),
                Item::Hangup => self.queue.push(item),
            }
        }
        self.stats.samples_dropped += samples;
        self.was_speech = false;
        self.empty_since = None;
        samples
    }

    pub(super) fn hangup(&mut self) {
        if !self.over && !self.queue.contains(&Item::Hangup) {
            self.queue.push(Item::Hangup);
        }
    }

    pub(super) fn sent(&mut self, now: u64, rate: SampleRate, time: u64) {
        self.sent_rate = Some(rate);
        self.sent_until = self.sent_until.max(now) + time;
        self.silent_until = self.sent_until + 200 * MILLI;
        if self.queue.is_empty() {
            self.on_schedule = false;
            self.was_speech = false;
        }
    }

    pub(super) fn received(&mut self, rate: SampleRate) {
        self.received_rate = rate;
    }

    pub(super) fn close(&mut self) {
        self.clear();
        self.over = true;
        self.held = false;
        self.marks.clear();
    }

    pub(super) fn poll_timeout(&self) -> Option<u64> {
        match () {
            () if self.over || self.held => None,
            () if !self.queue.is_empty() || self.on_schedule => Some(self.next_frame_at),
            () if self.fill_silence => Some(self.next_frame_at.max(self.silent_until)),
            () => None,
        }
    }

    pub(super) fn poll(&mut self, now: u64, drained: bool) -> PlayoutOutput {
        if drained {
            self.held = false;
        }
        if self.poll_timeout().is_none_or(|due| now < due) {
            return PlayoutOutput::Idle;
        }
        if !drained {
            self.held = true;
            return PlayoutOutput::Idle;
        }
        match self.queue.first() {
            Some(Item::Hangup) => {
                self.queue.clear();
                self.over = true;
                PlayoutOutput::Hangup
            }
            Some(_) => self.play_frame(now),
            None => self.fill_silence_frame(now),
        }
    }

    pub(super) fn poll_mark(&mut self, drained: bool) -> Option<(u32, MarkOutcome)> {
        let (_, outcome) = self.marks.first()?;
        let ready = drained || *outcome == MarkOutcome::Cleared;
        ready.then(|| self.marks.remove(0))
    }

    pub(super) fn awaits_drain(&self) -> bool {
        self.held || !self.marks.is_empty()
    }

    pub(super) fn check_stats(&self, stats: &PlayoutStats) {
        assert_eq!(stats.depth, duration(self.bytes()));
        let mut counted = self.stats;
        counted.depth = stats.depth;
        assert_eq!(*stats, counted);
    }

    fn play_frame(&mut self, now: u64) -> PlayoutOutput {
        let Some(rate) = self.bytes().next() else {
            unreachable!("the queue starts with a mark");
        };
        let len = (self.ptime * u64::from(rate.hz()) / 1_000_000_000) as usize * 2;
        let mut frame = Vec::new();
        while frame.len() < len
            && let Some(Item::Byte(of, byte)) = self.queue.first()
            && *of == rate
        {
            // Several bytes at a time, because single bytes are too slow for a fuzzer.
            frame.push(*byte);
            let run = self.queue[1..].iter().take(len - frame.len());
            let run = run.map_while(|item| match item {
                Item::Byte(of, byte) if *of == rate => Some(*byte),
                _ => None,
            });
            let run: Vec<_> = run.collect();
            self.queue.drain(..=run.len());
            frame.extend(run);
            self.pass_marks();
        }
        frame.resize(len, 0);
        self.stats.frames += 1;
        if self.on_schedule && now - self.next_frame_at > self.ptime / 2 {
            self.stats.late += 1;
        }
        if let Some(since) = self.empty_since.take()
            && now - since < 500 * MILLI
        {
            self.stats.underruns += 1;
        }
        self.sent_rate = Some(rate);
        self.was_speech = true;
        self.schedule_next(now);
        PlayoutOutput::Frame(AudioBuf::new(rate, frame))
    }

    fn fill_silence_frame(&mut self, now: u64) -> PlayoutOutput {
        if self.was_speech {
            let since = if self.on_schedule {
                self.next_frame_at
            } else {
                self.next_frame_at.max(self.silent_until)
            };
            self.empty_since = Some(since);
            self.was_speech = false;
        }
        if !self.fill_silence || now < self.silent_until {
            self.on_schedule = false;
            return PlayoutOutput::Idle;
        }
        self.stats.silence += 1;
        self.schedule_next(now);
        // Silence has at most 16 kHz until other audio was sent.
        let received = match self.received_rate.hz() {
            hz if hz > 16_000 => SampleRate::Hz16000,
            _ => self.received_rate,
        };
        let rate = self.sent_rate.unwrap_or(received);
        let len = self.ptime * u64::from(rate.hz()) / 1_000_000_000 * 2;
        PlayoutOutput::Frame(AudioBuf::new(rate, vec![0; len as usize]))
    }

    /// Computes the time of the next frame: the first time of the schedule that is at least half a ptime away.
    fn schedule_next(&mut self, now: u64) {
        if !self.on_schedule {
            self.on_schedule = true;
            self.next_frame_at = now;
        }
        self.next_frame_at += self.ptime;
        while self.next_frame_at < now + self.ptime / 2 {
            self.next_frame_at += self.ptime;
        }
    }

    fn pass_marks(&mut self) {
        while let Some(Item::Mark(mark)) = self.queue.first() {
            self.marks.push((*mark, MarkOutcome::Played));
            self.queue.remove(0);
        }
    }

    /// Returns the rate of each byte in the queue.
    fn bytes(&self) -> impl Iterator<Item = SampleRate> {
        self.queue.iter().filter_map(|item| match item {
            Item::Byte(rate, _) => Some(*rate),
            _ => None,
        })
    }
}

/// Returns the duration of the bytes, rounded down to a nanosecond. A byte is half a sample.
fn duration(bytes: impl Iterator<Item = SampleRate>) -> Duration {
    // Half a sample of each rate is a whole number of these parts of a second.
    const PARTS: u64 = 2 * 28_224_000;
    let mut counts = [0; SampleRate::ALL.len()];
    for rate in bytes {
        counts[usize::from(rate.kind().0 - 0x10)] += 1;
    }
    let parts = SampleRate::ALL.iter().zip(counts);
    let parts: u64 = parts
        .map(|(rate, count)| count * (PARTS / 2 / u64::from(rate.hz())))
        .sum();
    Duration::from_nanos((u128::from(parts) * 1_000_000_000 / u128::from(PARTS)) as u64)
}
