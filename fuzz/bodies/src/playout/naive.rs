use std::time::Duration;

use audiosocket_proto::{
    AudioBuf, MarkOutcome, PlayoutOutput, PlayoutStats, SampleRate, SendError, SessionConfig,
};

const MILLI: u64 = 1_000_000;

/// What is promised of a playout, in the plainest way: every byte is kept apart, times are numbers,
/// and nothing is remembered that can be counted.
pub(super) struct Naive {
    max: Duration,
    fill_silence: bool,
    ptime: u64,
    queue: Vec<Item>,
    told: Vec<(u32, MarkOutcome)>,
    over: bool,
    sent_rate: Option<SampleRate>,
    heard_rate: SampleRate,
    /// A ptime after the frame before was due, or was given out if that was too late.
    grid: u64,
    /// Whether the frame before was given out a ptime before that, and nothing was missed since.
    on_grid: bool,
    sent_until: u64,
    silent_until: u64,
    held: bool,
    /// Speech ended with the frame before.
    spoke: bool,
    /// When it did, if nothing followed.
    dry: Option<u64>,
    stats: PlayoutStats,
}

#[derive(Clone, Copy, PartialEq)]
enum Item {
    Byte(SampleRate, u8),
    Mark(u32),
    Hangup,
}

impl Naive {
    pub(super) fn new(config: &SessionConfig, now: u64) -> Self {
        Self {
            max: config.max_playout,
            fill_silence: config.fill_silence,
            ptime: config.ptime.duration().as_nanos() as u64,
            queue: Vec::new(),
            told: Vec::new(),
            over: false,
            sent_rate: None,
            heard_rate: SampleRate::Hz8000,
            grid: now,
            on_grid: false,
            sent_until: 0,
            silent_until: 0,
            held: false,
            spoke: false,
            dry: None,
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

    /// Tells how many samples that was.
    pub(super) fn clear(&mut self) -> u64 {
        let samples = self.bytes().count().div_ceil(2) as u64;
        for item in std::mem::take(&mut self.queue) {
            match item {
                Item::Byte(..) => {}
                Item::Mark(mark) => self.told.push((mark, MarkOutcome::Cleared)),
                Item::Hangup => self.queue.push(item),
            }
        }
        self.stats.samples_dropped += samples;
        self.spoke = false;
        self.dry = None;
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
            self.on_grid = false;
            self.spoke = false;
        }
    }

    pub(super) fn heard(&mut self, rate: SampleRate) {
        self.heard_rate = rate;
    }

    pub(super) fn close(&mut self) {
        self.clear();
        self.over = true;
        self.held = false;
        self.told.clear();
    }

    pub(super) fn poll_timeout(&self) -> Option<u64> {
        match () {
            () if self.over || self.held => None,
            () if !self.queue.is_empty() || self.on_grid => Some(self.grid),
            () if self.fill_silence => Some(self.grid.max(self.silent_until)),
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
            Some(_) => self.speak(now),
            None => self.be_silent(now),
        }
    }

    pub(super) fn poll_mark(&mut self, drained: bool) -> Option<(u32, MarkOutcome)> {
        let (_, outcome) = self.told.first()?;
        let ready = drained || *outcome == MarkOutcome::Cleared;
        ready.then(|| self.told.remove(0))
    }

    pub(super) fn awaits_drain(&self) -> bool {
        self.held || !self.told.is_empty()
    }

    pub(super) fn check_stats(&self, stats: &PlayoutStats) {
        assert_eq!(stats.depth, duration(self.bytes()));
        let mut counted = self.stats;
        counted.depth = stats.depth;
        assert_eq!(*stats, counted);
    }

    fn speak(&mut self, now: u64) -> PlayoutOutput {
        let Some(rate) = self.bytes().next() else {
            unreachable!("the queue begins with a mark");
        };
        let len = (self.ptime * u64::from(rate.hz()) / 1_000_000_000) as usize * 2;
        let mut frame = Vec::new();
        while frame.len() < len
            && let Some(Item::Byte(of, byte)) = self.queue.first()
            && *of == rate
        {
            // Runs of bytes at once, or this would be too slow to fuzz.
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
        if self.on_grid && now - self.grid > self.ptime / 2 {
            self.stats.late += 1;
        }
        if let Some(dry) = self.dry.take()
            && now - dry < 500 * MILLI
        {
            self.stats.underruns += 1;
        }
        self.sent_rate = Some(rate);
        self.spoke = true;
        self.go_on(now);
        PlayoutOutput::Frame(AudioBuf::new(rate, frame))
    }

    fn be_silent(&mut self, now: u64) -> PlayoutOutput {
        if self.spoke {
            let since = if self.on_grid {
                self.grid
            } else {
                self.grid.max(self.silent_until)
            };
            self.dry = Some(since);
            self.spoke = false;
        }
        if !self.fill_silence || now < self.silent_until {
            self.on_grid = false;
            return PlayoutOutput::Idle;
        }
        self.stats.silence += 1;
        self.go_on(now);
        let rate = self.sent_rate.unwrap_or(self.heard_rate);
        let len = self.ptime * u64::from(rate.hz()) / 1_000_000_000 * 2;
        PlayoutOutput::Frame(AudioBuf::new(rate, vec![0; len as usize]))
    }

    /// The next frame is due on the grid, the first time that is half a ptime away.
    fn go_on(&mut self, now: u64) {
        if !self.on_grid {
            self.on_grid = true;
            self.grid = now;
        }
        self.grid += self.ptime;
        while self.grid < now + self.ptime / 2 {
            self.grid += self.ptime;
        }
    }

    fn pass_marks(&mut self) {
        while let Some(Item::Mark(mark)) = self.queue.first() {
            self.told.push((*mark, MarkOutcome::Played));
            self.queue.remove(0);
        }
    }

    /// The rate of each byte that waits.
    fn bytes(&self) -> impl Iterator<Item = SampleRate> {
        self.queue.iter().filter_map(|item| match item {
            Item::Byte(rate, _) => Some(*rate),
            _ => None,
        })
    }
}

/// How long so many half samples last, rounded down to a nanosecond.
fn duration(bytes: impl Iterator<Item = SampleRate>) -> Duration {
    // Of which a half sample of each rate is a whole number.
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
