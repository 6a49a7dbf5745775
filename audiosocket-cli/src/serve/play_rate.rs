//! The rate at which a server plays to a caller: `--rate`.

use audiosocket_media::SampleRate;
use audiosocket_tokio::Call;

/// The value of `--rate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlayRate {
    /// `auto`: the answer rate of the call.
    Answer,
    Named(SampleRate),
}

impl PlayRate {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Answer),
            _ => text
                .parse()
                .map(Self::Named)
                .map_err(|error| format!("{error}, or auto")),
        }
    }

    /// Returns the rate at which to play on `call` now.
    pub(super) fn of(self, call: &Call<'_>) -> SampleRate {
        match self {
            Self::Answer => call.answer_rate(),
            Self::Named(rate) => rate,
        }
    }

    /// Returns all rates at which audio is played.
    pub(super) fn all(self) -> Vec<SampleRate> {
        match self {
            Self::Answer => {
                let is_answer = |rate: &SampleRate| rate.answer_rate() == *rate;
                SampleRate::ALL.into_iter().filter(is_answer).collect()
            }
            Self::Named(rate) => vec![rate],
        }
    }

    /// Returns the rate at which audio with `hz` is kept: the named one, or the lowest answer rate that has all of it.
    pub(super) fn source(self, hz: u32) -> SampleRate {
        match self {
            Self::Answer => SampleRate::ALL
                .into_iter()
                .find(|rate| rate.hz() >= hz)
                .unwrap_or(SampleRate::Hz192000)
                .answer_rate(),
            Self::Named(rate) => rate,
        }
    }

    /// Returns the highest rate at which audio is played.
    pub(super) fn highest(self) -> SampleRate {
        match self {
            Self::Answer => SampleRate::Hz192000.answer_rate(),
            Self::Named(rate) => rate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_auto_or_the_name_of_a_format() {
        assert_eq!(PlayRate::parse("auto"), Ok(PlayRate::Answer));
        let named = PlayRate::Named(SampleRate::Hz48000);
        assert_eq!(PlayRate::parse("slin48"), Ok(named));
        let error = PlayRate::parse("48000").unwrap_err();
        assert!(error.ends_with("slin192, or auto"), "{error}");
    }

    #[test]
    fn without_a_named_rate_nothing_is_played_above_16_khz() {
        assert_eq!(PlayRate::Answer.highest(), SampleRate::Hz16000);
        let named = PlayRate::Named(SampleRate::Hz48000);
        assert_eq!(named.highest(), SampleRate::Hz48000);
    }

    #[test]
    fn a_file_is_kept_at_its_rate_or_the_next_one_up_to_16_khz() {
        for (hz, kept) in [
            (4_000, 8_000),
            (8_000, 8_000),
            (11_025, 12_000),
            (16_000, 16_000),
            (22_050, 16_000),
            (44_100, 16_000),
            (200_000, 16_000),
        ] {
            assert_eq!(PlayRate::Answer.source(hz).hz(), kept, "{hz}");
        }
    }
}
