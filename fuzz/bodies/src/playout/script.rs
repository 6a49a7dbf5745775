//! What can happen to a playout, read from a fuzzer's bytes.

use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use audiosocket_proto::{Ptime, SampleRate, SessionConfig};

/// Codes of the operations, of which seeds are written.
pub(crate) mod codes {
    pub(crate) const PLAY: u8 = 0;
    pub(crate) const MARK: u8 = 1;
    pub(crate) const CLEAR: u8 = 2;
    pub(crate) const HANGUP: u8 = 3;
    pub(crate) const WAIT: u8 = 4;
    pub(crate) const DUE: u8 = 5;
    pub(crate) const POLL: u8 = 6;
    pub(crate) const MARKS: u8 = 7;
    pub(crate) const SENT: u8 = 8;
    pub(crate) const HEARD: u8 = 9;
    pub(crate) const CLOSE: u8 = 10;
    pub(super) const CODES: u8 = 11;
}

/// One operation. Everything is read front to back, so that seeds can be written by hand.
#[derive(Debug)]
pub(super) enum Op {
    /// So many bytes.
    Play(SampleRate, usize),
    Mark,
    Clear,
    Hangup,
    Wait(Duration),
    /// It is polled when it asks for that, or so much later.
    Due(Duration),
    /// Whether everything has been written.
    Poll(bool),
    Marks(bool),
    Sent(SampleRate, Duration),
    Heard(SampleRate),
    Close,
}

impl<'a> Arbitrary<'a> for Op {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u8::arbitrary(u)? % codes::CODES {
            codes::PLAY => {
                let rate = rate(u)?;
                // Short ones most of the time, since the model is slow; then up to 16 kB.
                let len = u16::arbitrary(u)?;
                let len = len % if len < 0xff00 { 1024 } else { 0x4000 };
                Self::Play(rate, len.into())
            }
            codes::MARK => Self::Mark,
            codes::CLEAR => Self::Clear,
            codes::HANGUP => Self::Hangup,
            // In steps that are no part of a ptime.
            codes::WAIT => Self::Wait(Duration::from_nanos(10_007) * u16::arbitrary(u)?.into()),
            codes::DUE => Self::Due(Duration::from_micros(125) * u8::arbitrary(u)?.into()),
            codes::POLL => Self::Poll(bool::arbitrary(u)?),
            codes::MARKS => Self::Marks(bool::arbitrary(u)?),
            codes::SENT => {
                let time = Duration::from_millis(u8::arbitrary(u)?.into());
                Self::Sent(rate(u)?, time)
            }
            codes::HEARD => Self::Heard(rate(u)?),
            _ => Self::Close,
        })
    }
}

fn rate(u: &mut Unstructured<'_>) -> Result<SampleRate> {
    let index = usize::from(u8::arbitrary(u)?);
    Ok(SampleRate::ALL[index % SampleRate::ALL.len()])
}

pub(super) fn config(u: &mut Unstructured<'_>) -> Result<SessionConfig> {
    const PTIMES: [Ptime; 5] = [
        Ptime::Ms20,
        Ptime::Ms10,
        Ptime::Ms30,
        Ptime::Ms40,
        Ptime::Ms60,
    ];
    let mut config = SessionConfig::default();
    let byte = u8::arbitrary(u)?;
    config = config.ptime(PTIMES[usize::from(byte >> 1) % PTIMES.len()]);
    config = config.fill_silence(byte & 1 == 0);
    config.max_playout = match u8::arbitrary(u)? {
        0xff => Duration::MAX,
        tens => Duration::from_millis(10) * tens.into(),
    };
    Ok(config)
}
