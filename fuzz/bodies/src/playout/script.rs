//! The operations on a playout, read from the bytes of a fuzzer.

use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use audiosocket_proto::{Ptime, SampleRate, SessionConfig};

/// The codes of the operations. The seeds use them.
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
    pub(crate) const RECEIVED: u8 = 9;
    pub(crate) const CLOSE: u8 = 10;
    pub(crate) const PAUSE: u8 = 11;
    pub(crate) const RESUME: u8 = 12;
    pub(crate) const PREBUFFER: u8 = 13;
    pub(crate) const COMPLETE: u8 = 14;
    pub(super) const CODES: u8 = 15;
}

/// An operation. It is read from front to back, so that seeds can be written by hand.
#[derive(Debug)]
pub(super) enum Op {
    /// Play this number of bytes.
    Play(SampleRate, usize),
    Mark,
    Clear,
    Hangup,
    Wait(Duration),
    /// The playout is polled at its deadline, or this much later.
    Due(Duration),
    /// The playout is polled. The flag is true if all bytes were written.
    Poll(bool),
    Marks(bool),
    Sent(SampleRate, Duration),
    Received(SampleRate),
    Close,
    Pause,
    Resume,
    Prebuffer(Duration),
    Complete,
}

impl<'a> Arbitrary<'a> for Op {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u8::arbitrary(u)? % codes::CODES {
            codes::PLAY => {
                let rate = rate(u)?;
                // Most plays are short, because the model is slow. Some have up to 16 kB.
                let len = u16::arbitrary(u)?;
                let len = len % if len < 0xff00 { 1024 } else { 0x4000 };
                Self::Play(rate, len.into())
            }
            codes::MARK => Self::Mark,
            codes::CLEAR => Self::Clear,
            codes::HANGUP => Self::Hangup,
            // The steps do not divide a ptime.
            codes::WAIT => Self::Wait(Duration::from_nanos(10_007) * u16::arbitrary(u)?.into()),
            codes::DUE => Self::Due(Duration::from_micros(125) * u8::arbitrary(u)?.into()),
            codes::POLL => Self::Poll(bool::arbitrary(u)?),
            codes::MARKS => Self::Marks(bool::arbitrary(u)?),
            codes::SENT => {
                let time = Duration::from_millis(u8::arbitrary(u)?.into());
                Self::Sent(rate(u)?, time)
            }
            codes::RECEIVED => Self::Received(rate(u)?),
            codes::CLOSE => Self::Close,
            codes::PAUSE => Self::Pause,
            codes::RESUME => Self::Resume,
            codes::PREBUFFER => {
                Self::Prebuffer(Duration::from_millis(2) * u8::arbitrary(u)?.into())
            }
            _ => Self::Complete,
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
    config = config.ptime(PTIMES[usize::from(byte >> 1 & 0x1f) % PTIMES.len()]);
    config = config
        .fill_silence(byte & 1 == 0)
        .fade_cuts(byte & 0x80 == 0);
    config.max_playout = match u8::arbitrary(u)? {
        0xff => Duration::MAX,
        tens => Duration::from_millis(10) * tens.into(),
    };
    config.hangup_tail = Duration::from_millis(u8::arbitrary(u)?.into());
    Ok(config)
}
