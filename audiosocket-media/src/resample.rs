use std::error::Error;
use std::fmt;
use std::time::Duration;

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

use crate::{SampleRate, pcm};

/// Changes the rate of a stream of mono audio, between any two of AudioSocket's rates or of WAV's.
///
/// ```
/// use audiosocket_media::{Resampler, SampleRate};
///
/// let mut to_model = Resampler::new(SampleRate::Hz8000, SampleRate::Hz16000);
/// let mut wide = Vec::new();
/// to_model.push(&[0; 160], &mut wide); // 20 ms
/// assert_eq!(wide.len(), 240); // the last 5 ms are still inside
/// to_model.push(&[0; 160], &mut wide);
/// assert_eq!(wide.len(), 240 + 320);
/// to_model.finish(&mut wide);
/// assert_eq!(wide.len(), 2 * 320);
/// ```
///
/// What comes out does not depend on how the input is cut: pushed at once, by frame or sample by
/// sample, the output is the same to the bit. It is aligned with the input (no leading silence),
/// and from the first push to [`finish`](Self::finish) as long as the input, rounded to a sample.
///
/// # Latency
///
/// The input is worked on in blocks of 10 ms, through a linear-phase filter as long as a block. So
/// audio comes out 5 ms after it went in when pushes are of whole blocks, as with frames of 20 and
/// of 30 ms, and up to 15 ms after when they are not. To or from 44.1 kHz the block is of
/// 13⅓ or 20 ms. [`latency`](Self::latency) is the most that it can be.
///
/// # Quality
///
/// Flat within 0.3 dB up to 85 % of the band (3.4 kHz at 8 kHz, where a telephone's band ends after
/// G.712; -6 dB at 3.6 kHz). What folds over, and every other product of the resampling, is 106 dB
/// below full scale or less, and so below the rounding to 16 bits, which is 98 dB below. Louder
/// than full scale between two samples is clipped. Speech comes out as from `sox` (`rate -v`) but
/// for a difference 90 to 100 dB below it, most of it rounding on both sides.
///
/// # Cost
///
/// See the [table](crate#what-it-costs). Memory is fixed when it is made: 12 kB between 8 and
/// 16 kHz, 150 kB at most between AudioSocket's rates. No push allocates but to make room in the
/// caller's buffer.
///
/// The work is done by `rubato`'s resampler for fixed ratios, which multiplies by the filter's
/// spectrum: the same quality by a windowed sinc in the time domain (`rubato`'s other one) costs
/// many times as much.
pub struct Resampler {
    from: u32,
    to: u32,
    /// None if the two rates are one.
    blocks: Option<Blocks>,
    /// Samples pushed since the beginning.
    taken: u64,
    /// Samples given out since the beginning.
    given: u64,
}

impl Resampler {
    /// The slowest rate that [`between`](Self::between) takes, in samples per second.
    pub const MIN_HZ: u32 = 4_000;

    /// The fastest rate that [`between`](Self::between) takes, in samples per second.
    pub const MAX_HZ: u32 = 192_000;

    /// Resamples from one of AudioSocket's rates to another. If they are the same, audio passes
    /// through as it is, without latency.
    #[must_use]
    pub fn new(from: SampleRate, to: SampleRate) -> Self {
        Self::between(from.hz(), to.hz()).expect("AudioSocket's rates are within the bounds")
    }

    /// Resamples from any rate to any other, both in samples per second: for what is not
    /// AudioSocket, such as a WAV file of 22,050 Hz.
    ///
    /// The block is the shortest that is a whole, even number of samples at both rates and lasts
    /// 10 ms or more: 40 ms for 11,025 to 8,000 Hz, but two seconds for two rates without a common
    /// divisor, which in turn takes up to 50 MB.
    ///
    /// # Errors
    ///
    /// [`UnsupportedRate`] if one is not within [`MIN_HZ`](Self::MIN_HZ) and
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

    /// Takes any number of samples, and appends what is due to `output`.
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

    /// Ends the stream: appends what is still inside, so that since the beginning as much came out
    /// as went in, `input * to / from` rounded to the nearest sample.
    ///
    /// The next push begins a new stream, of which nothing remembers the old one.
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

    /// How far the output can be behind the input at most: what was pushed longer ago than this
    /// has come out.
    #[must_use]
    pub fn latency(&self) -> Duration {
        let samples = self.blocks.as_ref().map_or(0, Blocks::latency);
        let nanos = samples as u64 * 1_000_000_000 / u64::from(self.from);
        Duration::from_nanos(nanos)
    }

    /// The rate of the input, in samples per second.
    #[must_use]
    pub const fn from_hz(&self) -> u32 {
        self.from
    }

    /// The rate of the output, in samples per second.
    #[must_use]
    pub const fn to_hz(&self) -> u32 {
        self.to
    }

    /// How many samples the input so far makes.
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

/// Collects the input into blocks: the resampler takes and gives whole ones only.
struct Blocks {
    resampler: Fft<f32>,
    /// Samples in units of one, not of full scale.
    input: Vec<f32>,
    /// How much of `input` is there.
    filled: usize,
    output: Vec<f32>,
    /// How much of the coming output is the filter's run-up.
    run_up: usize,
}

impl Blocks {
    fn new(from: u32, to: u32) -> Self {
        let divisor = gcd(from, to);
        let (from_unit, to_unit) = ((from / divisor) as usize, (to / divisor) as usize);
        let shortest = (from as usize / 100).div_ceil(from_unit);
        // The filter's delay is half a block: a whole number of samples at both rates, so that
        // the output is aligned exactly.
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
            // The steepest of those whose products stay below the rounding to 16 bits: with
            // Blackman or Hann they come up to -72 and -51 dB.
            WindowFunction::BlackmanHarris,
            FixedSync::Both,
        )
        .expect("neither a rate nor the block is 0");
        Self {
            input: vec![0.0; resampler.input_frames_next()],
            output: vec![0.0; resampler.output_frames_next()],
            filled: 0,
            run_up: resampler.output_delay(),
            resampler,
        }
    }

    /// Takes from `input` up to the end of a block, and appends the block's output if it is whole.
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

    /// Fills the block with silence, and appends its output.
    fn push_silence(&mut self, output: &mut Vec<i16>) {
        self.input[self.filled..].fill(0.0);
        self.resample(output);
    }

    fn resample(&mut self, output: &mut Vec<i16>) {
        let (from, to) = (self.input.len(), self.output.len());
        let input = SequentialSlice::new(&self.input[..], 1, from).expect("all of it");
        let mut resampled =
            SequentialSlice::new_mut(&mut self.output[..], 1, to).expect("all of it");
        self.resampler
            .process_into_buffer(&input, &mut resampled, None)
            .expect("buffers of the sizes that it asked for");
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

    /// In samples of the input: a block that wants its last sample, and the filter's delay.
    fn latency(&self) -> usize {
        self.input.len() + self.input.len() / 2
    }
}

/// The rate was not within [`Resampler::MIN_HZ`] and [`Resampler::MAX_HZ`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnsupportedRate {
    /// The rate, in samples per second.
    pub hz: u32,
}

impl fmt::Display for UnsupportedRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (min, max) = (Resampler::MIN_HZ, Resampler::MAX_HZ);
        write!(
            f,
            "a rate of {} Hz, where {min} to {max} are possible",
            self.hz
        )
    }
}

impl Error for UnsupportedRate {}

const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
