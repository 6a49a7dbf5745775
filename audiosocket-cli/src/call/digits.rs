use std::fmt;

use audiosocket_proto::DtmfDigit;

/// The keys of `--dtmf`. It is a type of its own because clap makes a repeated option of a `Vec`.
#[derive(Clone, Debug, Default)]
pub(super) struct Digits(Vec<DtmfDigit>);

impl Digits {
    pub(super) fn iter(&self) -> impl Iterator<Item = DtmfDigit> {
        self.0.iter().copied()
    }
}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|digit| digit.fmt(f))
    }
}

pub(super) fn digits(text: &str) -> Result<Digits, String> {
    let digits = text.chars().map(|key| {
        u8::try_from(key)
            .ok()
            .and_then(DtmfDigit::new)
            .ok_or_else(|| format!("{key:?} is not one of the keys 0-9 * # A-D"))
    });
    digits.collect::<Result<_, _>>().map(Digits)
}
