//! Both sides of a call, moment by moment.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use audiosocket_media::SampleRate;

use super::converter::RateConverter;
use crate::sides::Sides;
use crate::timeline::Segment;
use crate::timeline::sent::SentTimeline;

/// The longest silence that is in memory as samples.
const PIECE: Duration = Duration::from_secs(1);

/// Joins the caller and the server. Each moment is written when both sides are known up to it.
#[derive(Debug)]
pub(super) struct BothSides {
    sides: Sides,
    /// The time of the first sample of the file.
    from: Instant,
    /// The samples of each side that were taken since then.
    taken: u64,
    caller: Channel,
    server: Channel,
    sent: SentTimeline,
    /// The highest rate of all audio so far. `None` before any audio.
    rate: Option<SampleRate>,
}

/// One side of a call that waits for the other.
#[derive(Debug)]
struct Channel {
    waiting: VecDeque<Segment>,
    /// The length of `waiting`.
    waiting_time: Duration,
    converter: RateConverter,
    /// Samples of the rate of the file.
    ready: Vec<i16>,
    /// The length of the audio that was converted for this file, and of silence.
    converted_time: Duration,
    /// The number of samples that came of it.
    converted: u64,
}

impl BothSides {
    pub(super) fn new(sides: Sides, from: Instant) -> Self {
        Self {
            sides,
            from,
            taken: 0,
            caller: Channel::new(),
            server: Channel::new(),
            sent: SentTimeline::new(from),
            rate: None,
        }
    }

    pub(super) fn push_caller(&mut self, segments: Vec<Segment>) {
        self.note_rates(&segments);
        self.caller.push(segments);
    }

    /// Takes audio that left at `at`.
    pub(super) fn push_sent(
        &mut self,
        at: Instant,
        on_schedule: bool,
        rate: SampleRate,
        samples: Vec<i16>,
    ) {
        let mut segments = Vec::new();
        self.sent
            .push(at, on_schedule, rate, samples, &mut segments);
        self.note_rates(&segments);
        self.server.push(segments);
    }

    /// Adds the silence of a server that sends nothing.
    pub(super) fn tick(&mut self, now: Instant) {
        let mut segments = Vec::new();
        self.sent.tick(now, &mut segments);
        self.server.push(segments);
    }

    /// Returns the rate that a file needs now: the highest so far. Returns `None` before any audio, and while nothing
    /// of it can be written.
    pub(super) fn rate(&self) -> Option<SampleRate> {
        let both = !self.caller.is_empty() && !self.server.is_empty();
        self.rate.filter(|_| both)
    }

    /// Begins a file of this rate. Returns the time of its first sample.
    pub(super) fn begin_file(&mut self, rate: SampleRate) -> Instant {
        self.from += self.caller.converter.to().duration_of(self.taken);
        self.taken = 0;
        self.caller.set_rate(rate);
        self.server.set_rate(rate);
        self.from
    }

    /// Returns the next samples of the file, at most about a second. Returns `None` if one side is not known yet.
    pub(super) fn next(&mut self) -> Option<Vec<i16>> {
        self.caller.prepare();
        self.server.prepare();
        self.take(self.caller.ready.len().min(self.server.ready.len()))
    }

    /// Makes both sides equally long at the end of a call, which ended at `at`.
    pub(super) fn finish(&mut self, at: Instant) {
        let mut segments = Vec::new();
        self.sent.finish(at, &mut segments);
        self.server.push(segments);
        let (caller, server) = (self.caller.length(), self.server.length());
        let missing =
            |side: Duration, other: Duration| vec![Segment::Silence(other.saturating_sub(side))];
        self.caller.push(missing(caller, server));
        self.server.push(missing(server, caller));
    }

    /// Returns the last samples, after [`next`](Self::next) has returned `None`.
    pub(super) fn rest(&mut self) -> Option<Vec<i16>> {
        for side in [&mut self.caller, &mut self.server] {
            side.converter.finish(&mut side.ready);
        }
        let len = self.caller.ready.len().max(self.server.ready.len());
        self.caller.ready.resize(len, 0);
        self.server.ready.resize(len, 0);
        self.take(len)
    }

    /// Drops all audio after a failure. Returns the number of segments with audio.
    pub(super) fn drop_all(&mut self) -> u64 {
        let sides = [&mut self.caller, &mut self.server];
        sides.into_iter().map(Channel::drop_all).sum()
    }

    fn take(&mut self, len: usize) -> Option<Vec<i16>> {
        if len == 0 {
            return None;
        }
        self.taken += len as u64;
        let caller = self.caller.ready.drain(..len);
        let server = self.server.ready.drain(..len);
        let moments = caller.zip(server);
        Some(match self.sides.samples_per_moment() {
            2 => moments.flat_map(|(left, right)| [left, right]).collect(),
            _ => moments
                .map(|(one, other)| one.saturating_add(other))
                .collect(),
        })
    }

    fn note_rates(&mut self, segments: &[Segment]) {
        for segment in segments {
            if let Segment::Audio(rate, _) = segment {
                self.rate = self.rate.max(Some(*rate));
            }
        }
    }
}

impl Channel {
    fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            waiting_time: Duration::ZERO,
            converter: RateConverter::new(SampleRate::Hz8000),
            ready: Vec::new(),
            converted_time: Duration::ZERO,
            converted: 0,
        }
    }

    fn is_empty(&self) -> bool {
        self.waiting_time.is_zero() && self.ready.is_empty()
    }

    /// Returns the length of this side since the start of the file.
    fn length(&self) -> Duration {
        self.converted_time + self.waiting_time
    }

    fn push(&mut self, segments: Vec<Segment>) {
        for segment in segments {
            self.waiting_time += segment.duration();
            match (segment, self.waiting.back_mut()) {
                (Segment::Silence(more), Some(Segment::Silence(silence))) => *silence += more,
                (segment, _) => self.waiting.push_back(segment),
            }
        }
    }

    /// Converts segments, until a piece is ready or no segment waits.
    fn prepare(&mut self) {
        let piece = self.converter.to().samples_in(PIECE) as usize;
        while self.ready.len() < piece
            && let Some(segment) = self.waiting.pop_front()
        {
            let segment = self.split(segment);
            self.waiting_time -= segment.duration();
            self.converted_time += segment.duration();
            let before = self.ready.len();
            match segment {
                Segment::Audio(rate, samples) => {
                    self.converter.convert(rate, &samples, &mut self.ready);
                }
                Segment::Silence(_) => {
                    self.converter.finish(&mut self.ready);
                    // Counted from the start of the file, so that fractions of samples do not add up.
                    let rate = self.converter.to();
                    let half = Duration::from_nanos(500_000_000 / u64::from(rate.hz()));
                    let end = rate.samples_in(self.converted_time + half);
                    let so_far = self.converted + (self.ready.len() - before) as u64;
                    let silence = end.saturating_sub(so_far) as usize;
                    self.ready.resize(self.ready.len() + silence, 0);
                }
            }
            self.converted += (self.ready.len() - before) as u64;
        }
    }

    /// Returns a piece of long silence, and puts the rest back.
    fn split(&mut self, segment: Segment) -> Segment {
        match segment {
            Segment::Silence(silence) if silence > PIECE => {
                self.waiting.push_front(Segment::Silence(silence - PIECE));
                Segment::Silence(PIECE)
            }
            segment => segment,
        }
    }

    /// Converts what is ready to the rate of a new file.
    fn set_rate(&mut self, rate: SampleRate) {
        let old = self.converter.to();
        self.converter.finish(&mut self.ready);
        let ready = std::mem::take(&mut self.ready);
        self.converted_time = old.duration_of(ready.len() as u64);
        self.converter = RateConverter::new(rate);
        self.converter.convert(old, &ready, &mut self.ready);
        self.converter.finish(&mut self.ready);
        self.converted = self.ready.len() as u64;
    }

    fn drop_all(&mut self) -> u64 {
        self.ready.clear();
        self.waiting_time = Duration::ZERO;
        let is_audio = |segment: &Segment| matches!(segment, Segment::Audio(..));
        let dropped = std::mem::take(&mut self.waiting);
        dropped.into_iter().filter(is_audio).count() as u64
    }
}

#[cfg(test)]
mod tests;
