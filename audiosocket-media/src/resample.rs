use std::error::Error;
use std::fmt;
use std::time::Duration;

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

use crate::{SampleRate, pcm};

/// Changes the sample rate of a stream of mono audio, between any two rates from 4,000 to 192,000 Hz.
///
/// ```
/// use audiosocket_media::{Resampler, SampleRate};
///
/// let mut to_model = Resampler::new(SampleRate::Hz8000, SampleRate::Hz16000);
/// let mut wide = Vec::new();
/// to_model.push(&[0; 160], &mut wide); // 20 ms
/// assert_eq!(wide.len(), 240); // the resampler still holds the last 5 ms
/// to_model.push(&[0; 160], &mut wide);
/// assert_eq!(wide.len(), 240 + 320);
/// to_model.finish(&mut wide);
/// assert_eq!(wide.len(), 2 * 320);
/// ```
///
/// The output does not depend on how the input is cut: one push, a push for each frame and a push for each sample give
/// identical output. The output is aligned with the input and has no leading silence. After [`finish`](Self::finish) it
/// has the duration of the input, rounded to a sample.
///
/// # Latency
///
/// The resampler works in blocks of 10 ms, with a linear-phase filter that is as long as a block. If each push is a
/// multiple of 10 ms, such as frames of 20 or 30 ms, the latency is 5 ms. Otherwise it is at most 15 ms. To or from
/// 44.1 kHz, a block is 13⅓ or 20 ms. [`latency`](Self::latency) returns the maximum.
///
/// # Quality
///
/// - The response is flat within 0.3 dB up to 85 % of the band. At 8 kHz that is 3.4 kHz, where the telephone band of
///   G.712 ends. It is -6 dB at 3.6 kHz.
/// - Aliasing and all other products are at least 106 dB below full scale. The noise of rounding to 16 bits is 98 dB below
///   full scale.
/// - Peaks above full scale between two samples are clipped.
/// - Speech differs from the output of `sox` (`rate -v`) by 90 to 100 dB below the speech. Most of the difference is
///   rounding on both sides.
///
/// # Cost
///
/// See the [table](crate#what-it-costs). A resampler allocates its memory when it is made: 12 kB between 8 and 16 kHz, at
/// most 150 kB between AudioSocket's rates. A push allocates only to make room in the buffer of the caller.
///
/// The crate `rubato` does the work, with its FFT resampler for fixed ratios. Its windowed sinc in the time domain costs
/// many times as much for the same quality.
pub struct Resampler {
    from: u32,
    to: u32,
    /// `None` if both rates are equal.
    blocks: Option<Blocks>,
    /// The number of samples pushed since the start of the stream.
    taken: u64,
    /// The number of samples returned since the start of the stream.
    given: u64,
}

impl Resampler {
    /// The lowest rate for [`between`](Self::between), in Hz.
    pub const MIN_HZ: u32 = 4_000;

    /// The highest rate for [`between`](Self::between), in Hz.
    pub const MAX_HZ: u32 = 192_000;

    /// Makes a resampler between two rates of AudioSocket. If the rates are equal, it returns the audio unchanged and
    /// without latency.
    #[must_use]
    pub fn new(from: SampleRate, to: SampleRate) -> Self {
        Self::between(from.hz(), to.hz()).expect("AudioSocket's rates are within the bounds")
    }

    /// Makes a resampler between two rates in Hz, for example for a WAV file of 22,050 Hz.
    ///
    /// A block is the shortest duration of 10 ms or more that is an even number of samples at both rates. From 11,025 to
    /// 8,000 Hz it is 40 ms. For two rates without a common divisor it is two seconds, and the resampler takes up to
    /// 50 MB.
    ///
    /// # Errors
    ///
    /// [`UnsupportedRate`] if a rate is not between [`MIN_HZ`](Self::MIN_HZ) and
    /// [`MAX_HZ`](Self::MAX_HZ).
    pub fn between(from_hz: u32, to_hz: u32) -> Result<Self, UnsupportedRate> {
        for hz in [from_hz, to_hz] {
            if !(Self::MIN_HZ..=Self::MAX_HZ).contains(&hz) {
                return Err(UnsupportedRate { hz });
            }
        }
        Ok(Self {
            from: from_hz,
            to: to_hz,
            blocks: (from_hz != to_hz).then(|| Blocks::new(from_hz, to_hz)),
            taken: 0,
            given: 0,
        })
    }

    /// Pushes any number of samples, and appends the resampled audio to `output`.
    pub fn push(&mut self, mut input: &[i16], output: &mut Vec<i16>) {
        self.taken += input.len() as u64;
        let start = output.len();
        match &mut self.blocks {
            None => output.extend_from_slice(input),
            Some(blocks) => {
                while !input.is_empty() {
                    blocks.push(&mut input, output);
                }
            }
        }
        self.given += (output.len() - start) as u64;
    }

    /// Ends the stream, and appends the audio that the resampler still holds to `output`.
    ///
    /// After that, the length of all output is `input * to / from`, rounded to the nearest sample. The next push starts a
    /// new stream, which does not depend on the old one.
    pub fn finish(&mut self, output: &mut Vec<i16>) {
        let mut rest = (self.due() - self.given) as usize;
        if let Some(blocks) = &mut self.blocks {
            while rest > 0 {
                let start = output.len();
                blocks.push_silence(output);
                let given = (output.len() - start).min(rest);
                output.truncate(start + given);
                rest -= given;
            }
            blocks.reset();
        }
        self.taken = 0;
        self.given = 0;
    }

    /// Returns the maximum latency: the resampler never holds audio for longer than this.
    #[must_use]
    pub fn latency(&self) -> Duration {
        let samples = self.blocks.as_ref().map_or(0, Blocks::latency);
        let nanos = samples as u64 * 1_000_000_000 / u64::from(self.from);
        Duration::from_nanos(nanos)
    }

    /// Returns the rate of the input, in Hz.
    #[must_use]
    pub const fn from_hz(&self) -> u32 {
        self.from
    }

    /// Returns the rate of the output, in Hz.
    #[must_use]
    pub const fn to_hz(&self) -> u32 {
        self.to
    }

    /// The number of output samples for the input so far.
    fn due(&self) -> u64 {
        let (from, to) = (u128::from(self.from), u128::from(self.to));
        ((2 * u128::from(self.taken) * to + from) / (2 * from)) as u64
    }
}

impl fmt::Debug for Resampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resampler")
            .field("from", &self.from)
            .field("to", &self.to)
            .field("taken", &self.taken)
            .field("given", &self.given)
            .finish_non_exhaustive()
    }
}

/// Collects the input into blocks. `rubato` processes whole blocks only.
struct Blocks {
    resampler: Fft<f32>,
    /// Samples from -32,768 to 32,767, not from -1 to 1.
    input: Vec<f32>,
    /// The number of samples in `input`.
    filled: usize,
    output: Vec<f32>,
    /// The number of output samples to drop: the delay of the filter at the start of a stream.
    run_up: usize,
}

impl Blocks {
    fn new(from: u32, to: u32) -> Self {
        let divisor = gcd(from, to);
        let (from_unit, to_unit) = ((from / divisor) as usize, (to / divisor) as usize);
        let shortest = (from as usize / 100).div_ceil(from_unit);
        // The delay of the filter is half a block. It must be a whole number of samples at both rates, to align the
        // output exactly.
        let both_even = from_unit.is_multiple_of(2) && to_unit.is_multiple_of(2);
        let units = if both_even {
            shortest
        } else {
            shortest.next_multiple_of(2)
        };
        let resampler = Fft::new_custom(
            from as usize,
            to as usize,
            units * from_unit,
            1,
            1,
            // The steepest window whose products stay below the rounding to 16 bits. With Blackman and Hann, the
            // products reach -72 and -51 dB.
            WindowFunction::BlackmanHarris,
            FixedSync::Both,
        )
        .expect("the rates and the block are not 0");
        Self {
            input: vec![0.0; resampler.input_frames_next()],
            output: vec![0.0; resampler.output_frames_next()],
            filled: 0,
            run_up: resampler.output_delay(),
            resampler,
        }
    }

    /// Moves samples from `input` into the block. If the block is complete, appends its output.
    fn push(&mut self, input: &mut &[i16], output: &mut Vec<i16>) {
        let free = &mut self.input[self.filled..];
        let (now, later) = input.split_at(free.len().min(input.len()));
        for (float, sample) in free.iter_mut().zip(now) {
            *float = f32::from(*sample);
        }
        self.filled += now.len();
        *input = later;
        if self.filled == self.input.len() {
            self.resample(output);
        }
    }

    /// Fills the rest of the block with silence, and appends its output.
    fn push_silence(&mut self, output: &mut Vec<i16>) {
        self.input[self.filled..].fill(0.0);
        self.resample(output);
    }

    fn resample(&mut self, output: &mut Vec<i16>) {
        let (from, to) = (self.input.len(), self.output.len());
        let input =
            SequentialSlice::new(&self.input[..], 1, from).expect("the slice has this length");
        let mut resampled = SequentialSlice::new_mut(&mut self.output[..], 1, to)
            .expect("the slice has this length");
        self.resampler
            .process_into_buffer(&input, &mut resampled, None)
            .expect("the buffers have the sizes that rubato asked for");
        self.filled = 0;
        let run_up = self.run_up.min(to);
        self.run_up -= run_up;
        let resampled = self.output[run_up..].iter();
        output.extend(resampled.map(|float| pcm::to_sample(*float)));
    }

    fn reset(&mut self) {
        self.resampler.reset();
        self.filled = 0;
        self.run_up = self.resampler.output_delay();
    }

    /// The maximum latency in input samples: a block without its last sample, and the delay of the filter.
    fn latency(&self) -> usize {
        self.input.len() + self.input.len() / 2
    }
}

/// A sample rate is not between [`Resampler::MIN_HZ`] and [`Resampler::MAX_HZ`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnsupportedRate {
    /// The rate, in Hz.
    pub hz: u32,
}

impl fmt::Display for UnsupportedRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (min, max) = (Resampler::MIN_HZ, Resampler::MAX_HZ);
        write!(
            f,
            "a sample rate of {} Hz is not supported; use {min} to {max} Hz",
            self.hz
        )
    }
}

impl Error for UnsupportedRate {}

const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
