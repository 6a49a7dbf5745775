use std::mem;
use std::time::{Duration, Instant};

use audiosocket_media::SampleRate;

use crate::decoder::DecodedAudio;
use early::EarlyAudio;

/// [`Gaps::Keep`] counts a gap when audio is later than this. Networks and schedulers delay audio too,
/// and small delays add up.
const TOLERANCE: Duration = Duration::from_millis(200);

/// The same for a caller that is recorded beside the server. Smaller, since both must stay aligned.
const TOLERANCE_BESIDE_SERVER: Duration = Duration::from_millis(20);

/// The time that [`Gaps::Keep`] waits for late audio before it records a gap. If TCP or this machine
/// delayed the audio, all of it arrives at once, and there was no gap.
const SETTLING: Duration = Duration::from_millis(500);

/// The recording stays this far behind during a gap, because the gap can be a delay.
const LAG_DURING_GAP: Duration = Duration::from_secs(10);

/// The maximum number of samples that are held back for a gap: a minute at 8 kHz.
const MAX_HELD: u64 = 1 << 19;

/// The memory of a held segment without its audio, in samples.
const SEGMENT_COST: u64 = 32;

/// The content of a recording for the time in which no audio arrived.
///
/// Asterisk sends nothing while its own peer sends nothing: while the caller is on hold, or in pauses
/// if a telephone suppresses silence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gaps {
    /// Silence of the same length, so that the recording has the duration of the call. This is the
    /// default.
    ///
    /// A gap is longer than 200 ms. Delayed audio that arrives at once stays in one piece. Early audio
    /// is never moved; it shortens the next gap. A caller with a slow clock makes gaps too: at 100 parts
    /// per million, a gap of 200 ms every half hour.
    #[default]
    Keep,
    /// Nothing: audio is recorded without gaps.
    Skip,
    /// Silence where a telephone would play silence. Use it for audio that a server sends to a
    /// listener. The playback starts when audio arrives.
    ///
    /// A gap is longer than `jitter_buffer`, the delay that the jitter buffer of the telephone hides.
    /// The recording starts with the call and ends with the last audio.
    Playback {
        /// The maximum delay that the listener does not notice, such as 60 ms.
        jitter_buffer: Duration,
    },
}

impl Gaps {
    const fn tolerance(self) -> Duration {
        match self {
            Self::Playback { jitter_buffer } => jitter_buffer,
            _ => TOLERANCE,
        }
    }

    const fn settling(self) -> Duration {
        match self {
            Self::Playback { .. } => Duration::ZERO,
            _ => SETTLING,
        }
    }
}

/// Places audio in a recording by its time of arrival. Frames have no timestamps.
///
/// Audio that arrives now was spoken until now. With [`Gaps::Playback`] it is played from now on. The time between this
/// audio and the audio before it is silence.
#[derive(Debug)]
pub(crate) struct Timeline {
    gaps: Gaps,
    /// The length of silence is a whole number of samples of this rate.
    rate: SampleRate,
    /// Audio that is at most this late makes no gap.
    tolerance: Duration,
    /// The tolerance after the first audio.
    later_tolerance: Duration,
    /// The end of the recording so far.
    until: Instant,
    gap: Option<Gap>,
    /// `None` if early audio is never moved.
    early: Option<EarlyAudio>,
    /// The next segments of the recording.
    segments: Vec<Segment>,
}

/// A part of a recording.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    Silence(Duration),
    Audio(SampleRate, Vec<i16>),
}

impl Segment {
    pub(crate) fn duration(&self) -> Duration {
        match self {
            Self::Silence(duration) => *duration,
            Self::Audio(rate, samples) => rate.duration_of(samples.len() as u64),
        }
    }
}

/// A gap that is not recorded yet: the audio after it may be delayed audio.
#[derive(Debug)]
struct Gap {
    noticed: Instant,
    /// The minimum delay of the audio since then.
    late: Duration,
    /// The audio since then. It is not part of the recording yet.
    segments: Vec<Segment>,
    /// The length of `segments`.
    held: Duration,
    /// The memory of `segments`, in samples.
    cost: u64,
}

impl Timeline {
    /// Returns the timeline of a recording that begins at `from`.
    pub(crate) fn new(from: Instant, gaps: Gaps) -> Self {
        Self {
            gaps,
            rate: SampleRate::Hz8000,
            tolerance: gaps.tolerance(),
            later_tolerance: gaps.tolerance(),
            until: from,
            gap: None,
            early: None,
            segments: Vec::new(),
        }
    }

    /// Returns the timeline of a caller that is recorded beside the server. Its first audio has its exact place: the
    /// least delay of the first half second counts. Early audio gets its place in pauses.
    pub(crate) fn beside_server(from: Instant) -> Self {
        Self {
            tolerance: Duration::ZERO,
            later_tolerance: TOLERANCE_BESIDE_SERVER,
            early: Some(EarlyAudio::new(TOLERANCE_BESIDE_SERVER)),
            ..Self::new(from, Gaps::Keep)
        }
    }

    pub(crate) fn set_rate(&mut self, rate: SampleRate) {
        self.rate = rate;
    }

    /// Takes audio, and returns the next segments of the recording.
    pub(crate) fn push(&mut self, audio: DecodedAudio) -> Vec<Segment> {
        if self.gaps == Gaps::Skip {
            append(audio, &mut self.segments);
        } else {
            self.place(audio);
        }
        mem::take(&mut self.segments)
    }

    fn place(&mut self, mut audio: DecodedAudio) {
        self.settle(audio.at);
        let len = audio.lost + audio.samples.len() as u64;
        let duration = audio.rate.duration_of(len);
        let held = self.gap.as_ref().map_or(Duration::ZERO, |gap| gap.held);
        let in_time = match self.gaps {
            Gaps::Playback { .. } => self.until + held,
            _ => self.until + held + duration,
        };
        let late = audio.at.saturating_duration_since(in_time);
        if late <= self.tolerance {
            self.end_gap(late);
            self.tolerance = self.later_tolerance;
            let end = self.until + duration;
            if let Some(known) = &mut self.early {
                let early = end.saturating_duration_since(audio.at);
                known.shorten(&mut audio, early);
            }
            self.until += audio
                .rate
                .duration_of(audio.lost + audio.samples.len() as u64);
            return append(audio, &mut self.segments);
        }
        let gap = self.gap.get_or_insert_with(|| Gap {
            noticed: audio.at,
            late,
            segments: Vec::new(),
            held: Duration::ZERO,
            cost: 0,
        });
        gap.late = gap.late.min(late);
        gap.held += duration;
        gap.cost += len + SEGMENT_COST;
        append(audio, &mut gap.segments);
        if gap.cost > MAX_HELD {
            self.end_gap(Duration::MAX);
        }
    }

    /// Returns the segments that do not depend on later audio.
    pub(crate) fn tick(&mut self, now: Instant) -> Vec<Segment> {
        self.settle(now);
        let quiet = now.saturating_duration_since(self.until);
        if self.gaps == Gaps::Keep && self.gap.is_none() && quiet > LAG_DURING_GAP {
            self.fill(quiet - LAG_DURING_GAP);
        }
        mem::take(&mut self.segments)
    }

    /// Returns the audio that is held back.
    pub(crate) fn flush(&mut self) -> Vec<Segment> {
        self.end_gap(Duration::MAX);
        mem::take(&mut self.segments)
    }

    /// Returns the end of the recording so far.
    pub(crate) fn end(&self) -> Instant {
        self.until
    }

    /// Returns the last segments of a call that ended at `at`.
    pub(crate) fn finish(&mut self, at: Instant) -> Vec<Segment> {
        self.end_gap(Duration::MAX);
        let quiet = at.saturating_duration_since(self.until);
        if self.gaps == Gaps::Keep && quiet > TOLERANCE {
            self.fill(quiet);
        }
        mem::take(&mut self.segments)
    }

    fn settle(&mut self, now: Instant) {
        let settling = self.gaps.settling();
        let settled = |gap: &Gap| now.saturating_duration_since(gap.noticed) >= settling;
        if self.gap.as_ref().is_some_and(settled) {
            self.end_gap(Duration::MAX);
        }
    }

    /// Ends the gap, if there is one. Its length is at most `late`.
    fn end_gap(&mut self, late: Duration) {
        let Some(mut gap) = self.gap.take() else {
            return;
        };
        let quiet = gap.late.min(late);
        if quiet > self.tolerance {
            self.fill(quiet);
        }
        self.tolerance = self.later_tolerance;
        self.until += gap.held;
        self.segments.append(&mut gap.segments);
    }

    /// Appends silence: the whole samples of `quiet`.
    fn fill(&mut self, quiet: Duration) {
        let silence = self.rate.duration_of(self.rate.samples_in(quiet));
        self.until += silence;
        self.segments.push(Segment::Silence(silence));
    }
}

fn append(audio: DecodedAudio, segments: &mut Vec<Segment>) {
    if audio.lost > 0 {
        segments.push(Segment::Silence(audio.rate.duration_of(audio.lost)));
    }
    if !audio.samples.is_empty() {
        segments.push(Segment::Audio(audio.rate, audio.samples));
    }
}

mod early;
pub(crate) mod sent;
#[cfg(test)]
mod tests;
