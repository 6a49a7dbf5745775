//! Tones of the telephone network by name, for each country.
//!
//! A tone loops without a seam, so it can be the bed of a call:
//!
//! ```
//! use audiosocket_media::SampleRate;
//! use audiosocket_media::tones::{Country, ToneName};
//!
//! let ringback = Country::find("uk").unwrap().tone(ToneName::Ringback);
//! // Two rings of 400 ms and a pause, 3 s in all. `call.set_bed(audio)?` loops it.
//! let audio = ringback.audio(SampleRate::Hz8000);
//! assert_eq!(audio.samples().len(), 24_000);
//! ```

mod countries;

use std::f64::consts::TAU;
use std::time::Duration;

use audiosocket_proto::AudioBuf;

use crate::SampleRate;
use crate::tone::AMPLITUDE;

/// The time in which each tone of a cadence rises and falls, so that it does not click.
const EDGE: Duration = Duration::from_millis(5);

/// A tone of the telephone network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ToneName {
    /// The line is ready for a number.
    Dial,
    /// The other phone rings.
    Ringback,
    /// The other phone is in use.
    Busy,
    /// The network cannot connect the call. Also called reorder or fast busy.
    Congestion,
}

/// The tones of a country, from the file `indications.conf` of Asterisk 22 (`configs/samples/indications.conf.sample`),
/// which names ITU-T's list of national tones as its source for most of them.
#[derive(Debug, PartialEq, Eq)]
pub struct Country {
    code: &'static str,
    name: &'static str,
    dial: &'static [ToneElement],
    ringback: &'static [ToneElement],
    busy: &'static [ToneElement],
    congestion: &'static [ToneElement],
}

/// A tone with its cadence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tone {
    elements: &'static [ToneElement],
}

/// A part of a tone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ToneElement {
    /// One or two frequencies, and zeros.
    hz: [u16; 2],
    /// `None` for a tone without a cadence.
    lasts: Option<Duration>,
}

impl ToneElement {
    /// A tone of 0 ms does not end.
    const fn new(hz: [u16; 2], millis: u64) -> Self {
        let lasts = match millis {
            0 => None,
            _ => Some(Duration::from_millis(millis)),
        };
        Self { hz, lasts }
    }

    /// Returns the sample at a time in seconds. Two frequencies have the peak of one.
    fn sample(self, time: f64) -> f64 {
        let waves = self.hz.into_iter().filter(|hz| *hz > 0);
        let count = waves.clone().count().max(1) as f64;
        let sum: f64 = waves.map(|hz| (TAU * f64::from(hz) * time).sin()).sum();
        AMPLITUDE * sum / count
    }
}

impl Country {
    /// Returns the country with this code of `indications.conf`, such as `us`, `uk` or `de`.
    #[must_use]
    pub fn find(code: &str) -> Option<&'static Self> {
        Self::all().iter().find(|country| country.code == code)
    }

    /// Returns all countries, in the order of their codes.
    #[must_use]
    pub fn all() -> &'static [Self] {
        countries::COUNTRIES
    }

    /// Returns the code of the country.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Returns the name of the country in English.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns a tone of the country.
    #[must_use]
    pub fn tone(&self, name: ToneName) -> Tone {
        Tone {
            elements: match name {
                ToneName::Dial => self.dial,
                ToneName::Ringback => self.ringback,
                ToneName::Busy => self.busy,
                ToneName::Congestion => self.congestion,
            },
        }
    }
}

impl Tone {
    /// Returns one cadence of the tone, which can be repeated without a seam. A tone without a cadence has one second.
    #[must_use]
    pub fn audio(self, rate: SampleRate) -> AudioBuf {
        AudioBuf::from_samples(rate, &self.cadence(rate))
    }

    /// Returns the samples of the tone, without an end.
    pub fn samples(self, rate: SampleRate) -> impl Iterator<Item = i16> + use<> {
        let cadence = self.cadence(rate);
        (0..cadence.len()).cycle().map(move |at| cadence[at])
    }

    fn cadence(self, rate: SampleRate) -> Vec<i16> {
        let mut samples = Vec::new();
        let mut end = Duration::ZERO;
        for element in self.elements {
            // All frequencies are whole numbers, so a second has whole waves.
            end += element.lasts.unwrap_or(Duration::from_secs(1));
            let len = rate.samples_in(end) - samples.len() as u64;
            let edge = element.lasts.map_or(0, |_| rate.samples_in(EDGE));
            samples.extend((0..len).map(|at| {
                let from_edge = at.min(len - 1 - at);
                let gain = if from_edge < edge {
                    from_edge as f64 / edge as f64
                } else {
                    1.0
                };
                (element.sample(at as f64 / f64::from(rate.hz())) * gain) as i16
            }));
        }
        samples
    }
}
