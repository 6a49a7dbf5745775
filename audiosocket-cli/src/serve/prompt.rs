use std::io;
use std::path::Path;
use std::time::Duration;

use audiosocket_media::SampleRate;
use audiosocket_media::file::AudioReader;
use audiosocket_tokio::{AudioBuf, Bytes, Call, SendError};

/// A file that is longer is most likely a mistake, and would be kept in memory.
pub(super) const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Audio that is ready to be played, in memory once however many calls play it.
#[derive(Clone, Debug)]
pub(super) struct LoadedPrompt {
    pub(super) rate: SampleRate,
    /// Never empty.
    pub(super) audio: Bytes,
}

impl LoadedPrompt {
    /// `None` if there are no samples.
    pub(super) fn new(rate: SampleRate, samples: &[i16]) -> Option<Self> {
        let audio = AudioBuf::from_samples(rate, samples).into_bytes();
        (!audio.is_empty()).then_some(Self { rate, audio })
    }

    /// Reads an audio file at `rate`, or at what [`fitting`] returns for its own rate.
    pub(super) fn load(path: &Path, rate: Option<SampleRate>) -> io::Result<Self> {
        let mut file = AudioReader::open(path)?;
        let rate = rate.unwrap_or_else(|| fitting(file.sample_rate()));
        let samples = file.read_all(rate, LONGEST)?;
        for warning in file.warnings() {
            tracing::warn!(file = ?path, %warning, "damaged audio file");
        }
        Self::new(rate, &samples)
            .ok_or_else(|| io::Error::other(format!("{}: the file has no audio", path.display())))
    }

    /// Repeats it until it lasts `shortest`.
    pub(super) fn lengthen(&mut self, shortest: Duration) {
        let bytes = 2 * self.rate.samples_in(shortest) as usize;
        let times = bytes.div_ceil(self.audio.len());
        if times > 1 {
            self.audio = self.audio.repeat(times).into();
        }
    }

    /// What is to be played from byte `at` on: one of as few parts of equal length as there can be
    /// if none is longer than `longest`.
    pub(super) fn piece(&self, at: usize, longest: Duration) -> Bytes {
        let longest = self.rate.samples_in(longest) as usize;
        let samples = self.audio.len() / 2;
        let len = 2 * samples.div_ceil(samples.div_ceil(longest));
        self.audio.slice(at..self.audio.len().min(at + len))
    }

    /// Queues it on `call`.
    pub(super) fn play(self, call: &mut Call<'_>) -> Result<(), SendError> {
        call.try_play((self.rate, self.audio))
    }
}

/// A caller to whom nothing can be played should not wait for it.
pub(super) fn hang_up_on_error(call: &mut Call<'_>, played: Result<(), SendError>) {
    if let Err(error) = played {
        tracing::warn!(uuid = %call.uuid(), %error, "cannot play");
        call.hangup();
    }
}

/// The slowest rate that loses nothing of what is heard in a call: Asterisk makes of it what the
/// call's codec wants, and no codec of a call has more than 48 kHz.
///
/// Not 44.1 kHz, of which Asterisk 22.10.1 made 8 kHz at half the volume.
pub(super) fn fitting(hz: u32) -> SampleRate {
    SampleRate::ALL
        .into_iter()
        .filter(|rate| *rate != SampleRate::Hz44100)
        .find(|rate| rate.hz() >= hz.min(SampleRate::Hz48000.hz()))
        .unwrap_or(SampleRate::Hz48000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn prompt(samples: usize) -> LoadedPrompt {
        let samples: Vec<i16> = (0..samples).map(|at| at as i16).collect();
        LoadedPrompt::new(SampleRate::Hz8000, &samples).expect("samples")
    }

    #[test]
    fn the_pieces_are_all_of_it_and_share_its_memory() {
        for samples in [1, 7_999, 8_000, 8_001, 23_999, 24_001] {
            let prompt = prompt(samples);
            let mut pieces = Vec::new();
            while pieces.len() < prompt.audio.len() {
                let piece = prompt.piece(pieces.len(), SECOND);
                assert!(piece.len() <= 16_000, "{samples}: {}", piece.len());
                assert_eq!(piece.as_ptr(), prompt.audio[pieces.len()..].as_ptr());
                pieces.extend_from_slice(&piece);
            }
            assert_eq!(pieces, prompt.audio);
        }
        assert_eq!(prompt(8_002).piece(0, SECOND).len(), 8_002, "two halves");
    }

    #[test]
    fn what_is_short_is_repeated_whole() {
        let mut short = prompt(3_000);
        short.lengthen(SECOND);
        assert_eq!(short.audio, prompt(3_000).audio.repeat(3));
        let mut long = prompt(8_000);
        long.lengthen(SECOND);
        assert_eq!(long.audio, prompt(8_000).audio);
    }

    #[test]
    fn a_rate_that_a_call_can_have_is_kept_and_others_lose_nothing_that_is_heard() {
        let fitting: Vec<_> = [
            4_000, 8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 192_000,
        ]
        .map(|hz| fitting(hz).hz())
        .into();
        assert_eq!(
            fitting,
            [
                8_000, 8_000, 12_000, 16_000, 24_000, 24_000, 48_000, 48_000, 48_000
            ]
        );
    }
}
