use std::collections::VecDeque;
use std::time::{Duration, Instant};

use audiosocket_proto::DtmfDigit;

use super::{DtmfDetector, DtmfEvent};
use crate::SampleRate;

/// How long after the end of its tones a press can have its frame. Some gateways cut off the tones when they have detected
/// them, and send the key when it is released.
const FRAME_AFTER_TONE: Duration = Duration::from_secs(1);

/// How long after its frame a press can have tones. The detector needs 45 ms, and audio can come later than an event by a
/// jitter buffer.
const TONE_AFTER_FRAME: Duration = Duration::from_millis(300);

/// The number of presses that wait for their second report. The caller of a call presses fewer keys in a second.
const MOST_WAITING: usize = 16;

/// The keys of one call, whether they come as tones in the audio, as frames, or both ways. Each press is reported once.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use audiosocket_media::SampleRate;
/// use audiosocket_media::dtmf::{DtmfToneOptions, KeyInput, dtmf_tones};
/// use audiosocket_proto::DtmfDigit;
///
/// let five = DtmfDigit::new(b'5').expect("a key");
/// let mut keys = KeyInput::new();
/// let (mut pressed, now) = (Vec::new(), Instant::now());
///
/// // For each frame of audio:
/// let audio = dtmf_tones("5", SampleRate::Hz8000, DtmfToneOptions::default())?;
/// let samples: Vec<i16> = audio.samples().collect();
/// keys.push_samples(SampleRate::Hz8000, &samples, now, &mut pressed);
/// assert_eq!(pressed, [five]);
///
/// // For each frame of a key. This one is the same press.
/// assert_eq!(keys.push_frame(five, now + Duration::from_millis(40)), None);
/// // The next one is another press.
/// assert_eq!(keys.push_frame(five, now + Duration::from_millis(300)), Some(five));
/// # Ok::<(), audiosocket_media::dtmf::UnknownKey>(())
/// ```
///
/// # Rules
///
/// - A press has tones at most once and a frame at most once. So two presses of one key are two keys, however fast they
///   follow each other.
/// - The first report of a press counts. Tones are reported 35 to 45 ms after they start. A frame comes when the key is
///   released.
/// - A frame belongs to tones of the same key if it comes while they last or at most a second after them. So a key that is
///   held for longer than a second counts twice if a gateway cuts off its tones at the start.
/// - Tones belong to a frame of the same key if they are found at most 300 ms after it.
///
/// Compressed audio has no samples: see [`AudioDecoder`](crate::AudioDecoder). Then only frames are keys.
#[derive(Debug)]
pub struct KeyInput {
    /// The detector, and the rate of its audio. `None` before any audio.
    detector: Option<(SampleRate, DtmfDetector)>,
    events: Vec<DtmfEvent>,
    /// The presses that were reported, and whose other report can still come. The oldest is the first.
    waiting: VecDeque<Press>,
}

/// A press that was reported.
#[derive(Clone, Copy, Debug)]
struct Press {
    digit: DtmfDigit,
    from: Origin,
    /// When its other report can no longer come. `None` while its tones last.
    until: Option<Instant>,
}

/// Where a report comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Tone,
    Frame,
}

impl Default for KeyInput {
    fn default() -> Self {
        Self::new()
    }
}

impl KeyInput {
    /// Makes the state of one call.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            detector: None,
            events: Vec::new(),
            waiting: VecDeque::new(),
        }
    }

    /// Takes the samples of a frame that came at `now`. Appends the keys that were pressed to `keys`. The rate can change
    /// during a call.
    pub fn push_samples(
        &mut self,
        rate: SampleRate,
        samples: &[i16],
        now: Instant,
        keys: &mut Vec<DtmfDigit>,
    ) {
        if self.detector.as_ref().is_none_or(|(at, _)| *at != rate) {
            self.detector = Some((rate, DtmfDetector::new(rate)));
            self.tones_ended(now, |_| true);
        }
        if let Some((_, detector)) = &mut self.detector {
            detector.push(samples, &mut self.events);
        }
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            match event {
                DtmfEvent::ToneStarted { digit, .. } => {
                    keys.extend(self.report(digit, Origin::Tone, now));
                }
                DtmfEvent::ToneEnded { digit, .. } => self.tones_ended(now, |it| it == digit),
            }
        }
        self.events = events;
    }

    /// Takes a frame of a key that came at `now`. Returns the key, or `None` if the press was reported before.
    pub fn push_frame(&mut self, digit: DtmfDigit, now: Instant) -> Option<DtmfDigit> {
        self.report(digit, Origin::Frame, now)
    }

    /// Returns the key, or `None` if it belongs to a press that was reported before.
    fn report(&mut self, digit: DtmfDigit, from: Origin, now: Instant) -> Option<DtmfDigit> {
        self.waiting
            .retain(|press| press.until.is_none_or(|until| now <= until));
        let same = |press: &Press| press.digit == digit && press.from != from;
        if let Some(at) = self.waiting.iter().position(same) {
            self.waiting.remove(at);
            return None;
        }
        if self.waiting.len() == MOST_WAITING {
            self.waiting.pop_front();
        }
        let until = (from == Origin::Frame).then(|| now + TONE_AFTER_FRAME);
        self.waiting.push_back(Press { digit, from, until });
        Some(digit)
    }

    fn tones_ended(&mut self, now: Instant, of: impl Fn(DtmfDigit) -> bool) {
        for press in &mut self.waiting {
            if press.until.is_none() && of(press.digit) {
                press.until = Some(now + FRAME_AFTER_TONE);
            }
        }
    }
}
