use std::time::Duration;

use audiosocket_proto::{
    AudioBuf, MarkOutcome, PlayoutOutput, PlayoutStats, SampleRate, SendError, SessionConfig,
};

use super::audio::{add, duration, fade_len, scale};

const MILLI: u64 = 1_000_000;

/// A plain model of a playout. It stores every byte separately, its times are numbers, and it stores no value that it can
/// compute.
pub(super) struct PlainPlayout {
    max: Duration,
    fill_silence: bool,
    fade_cuts: bool,
    tail: u64,
    ptime: u64,
    paused: bool,
    prebuffer: Option<Duration>,
    /// The bytes of a fade for the next frame, and their rate.
    fade_out: Option<(SampleRate, Vec<u8>)>,
    fades_in: bool,
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
            fade_cuts: config.fade_cuts,
            paused: false,
            prebuffer: None,
            tail: config.hangup_tail.as_nanos() as u64,
            fade_out: None,
            fades_in: false,
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
        let cleared = duration(self.bytes());
        self.stats.barge_ins += u64::from(!cleared.is_zero());
        self.stats.cleared += Duration::from_millis(cleared.as_millis() as u64);
        self.drop_queue()
    }

    fn drop_queue(&mut self) -> u64 {
        self.cut();
        self.paused = false;
        self.fades_in = false;
        self.prebuffer = None;
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

    pub(super) fn pause(&mut self) {
        if !self.over && !self.paused {
            self.cut();
            self.paused = true;
        }
    }

    pub(super) fn resume(&mut self) {
        if self.paused && self.was_speech {
            self.fade_out = None;
        }
        self.paused = false;
    }

    pub(super) fn prebuffer(&mut self, amount: Duration) {
        if !self.over && !self.queue.contains(&Item::Hangup) {
            self.prebuffer = Some(amount.min(self.max / 2));
            self.empty_since = None;
        }
    }

    pub(super) fn complete(&mut self) {
        self.prebuffer = None;
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
        if self.ready_from().is_none() {
            self.on_schedule = false;
            self.was_speech = false;
            self.fade_out = None;
        }
    }

    pub(super) fn received(&mut self, rate: SampleRate) {
        self.received_rate = rate;
    }

    pub(super) fn close(&mut self) {
        self.drop_queue();
        self.over = true;
        self.held = false;
        self.marks.clear();
    }

    pub(super) fn poll_timeout(&self) -> Option<u64> {
        if self.over || self.held {
            return None;
        }
        if self.on_schedule {
            return Some(self.next_frame_at);
        }
        let silence = self.fill_silence.then_some(self.silent_until);
        let first = self.ready_from().into_iter().chain(silence).min()?;
        Some(self.next_frame_at.max(first))
    }

    /// The time from which on the front of the queue may leave.
    fn ready_from(&self) -> Option<u64> {
        let first = self.queue.first()?;
        let fills = |amount| {
            !self.was_speech
                && !self.queue.contains(&Item::Hangup)
                && duration(self.bytes()) < amount
        };
        if self.over || self.paused || self.prebuffer.is_some_and(fills) {
            return None;
        }
        let end_of_speech = if self.was_speech {
            Some(self.next_frame_at)
        } else {
            self.empty_since
        };
        let hangup = end_of_speech.map_or(0, |end| end + self.tail);
        Some(if *first == Item::Hangup { hangup } else { 0 })
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
        if self.ready_from().is_none_or(|ready| ready > now) {
            if self.paused {
                self.fades_in |= self.was_speech && self.fade_out.is_some();
                self.was_speech = false;
            }
            return self.fill_silence_frame(now);
        }
        match self.queue.first() {
            Some(Item::Hangup) => {
                self.queue.clear();
                self.over = true;
                PlayoutOutput::Hangup
            }
            _ => self.play_frame(now),
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
        let mut counted = self.stats;
        counted.depth = duration(self.bytes());
        assert_eq!(*stats, counted);
    }

    fn play_frame(&mut self, now: u64) -> PlayoutOutput {
        let Some(rate) = self.bytes().next() else {
            unreachable!("the queue starts with a mark");
        };
        let len = self.frame_len(rate);
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
        let played = frame.len() as u64;
        frame.resize(len, 0);
        self.stats.frames += 1;
        let late_by = (now - self.next_frame_at) * u64::from(self.on_schedule);
        let place = [1, 5, 10, 20, 100].partition_point(|millis| millis * MILLI < late_by);
        self.stats.lateness.counts[place] += 1;
        self.stats.lateness.sum += Duration::from_nanos(late_by);
        self.stats.late += u64::from(late_by > self.ptime / 2);
        if let Some(since) = self.empty_since.take()
            && (now - since < 500 * MILLI || self.prebuffer.is_some())
        {
            self.stats.underruns += 1;
        }
        self.stats.samples_played += played.div_ceil(2);
        if std::mem::take(&mut self.fades_in) {
            let rising = fade_len(rate);
            scale(&mut frame[..rising], |at, len| (at, len));
        }
        if let Some((of, fade)) = self.fade_out.take()
            && of == rate
        {
            add(&mut frame, &fade);
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
        let fade = self.fade_out.take();
        if fade.is_none() && (!self.fill_silence || now < self.silent_until) {
            self.on_schedule = false;
            return PlayoutOutput::Idle;
        }
        self.stats.silence += 1;
        self.schedule_next(now);
        if let Some((rate, mut frame)) = fade {
            frame.resize(self.frame_len(rate), 0);
            return PlayoutOutput::Frame(AudioBuf::new(rate, frame));
        }
        // Silence has at most 16 kHz until other audio was sent.
        let received = match self.received_rate.hz() {
            hz if hz > 16_000 => SampleRate::Hz16000,
            _ => self.received_rate,
        };
        let rate = self.sent_rate.unwrap_or(received);
        PlayoutOutput::Frame(AudioBuf::new(rate, vec![0; self.frame_len(rate)]))
    }

    /// Takes a copy of the next 5 ms if the frame before was speech, and lets it fall to zero.
    fn cut(&mut self) {
        let Some(rate) = self.sent_rate else { return };
        if !self.was_speech || !self.fade_cuts {
            return;
        }
        let items = self
            .queue
            .iter()
            .filter(|item| !matches!(item, Item::Mark(_)));
        let bytes = items.map_while(|item| match item {
            Item::Byte(of, byte) if *of == rate => Some(*byte),
            _ => None,
        });
        let mut fade: Vec<u8> = bytes.take(fade_len(rate)).collect();
        fade.truncate(fade.len() / 2 * 2);
        scale(&mut fade, |at, len| (len - at, len));
        if !fade.is_empty() {
            self.fade_out = Some((rate, fade));
        }
    }

    fn frame_len(&self, rate: SampleRate) -> usize {
        (self.ptime * u64::from(rate.hz()) / 1_000_000_000) as usize * 2
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
