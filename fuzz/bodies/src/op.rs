//! The operations on a session, read from the bytes of a fuzzer.

use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use audiosocket_proto::{SampleRate, SessionConfig};

// The codes of the operations. The seeds use them.
pub(crate) const BYTES: u8 = 0;
pub(crate) const FRAME: u8 = 1;
pub(crate) const SEND: u8 = 2;
pub(crate) const WRITE: u8 = 3;
pub(crate) const WAIT: u8 = 4;
pub(crate) const DUE: u8 = 5;
pub(crate) const HALF_CLOSED: u8 = 6;
pub(crate) const HANGUP: u8 = 7;
pub(crate) const EOF: u8 = 8;
pub(crate) const RESET: u8 = 9;
pub(crate) const WRITE_CLOSED: u8 = 10;
pub(crate) const LOST: u8 = 11;
const CODES: u8 = 12;

/// An operation. It is read from front to back, so that seeds can be written by hand.
#[derive(Debug)]
pub(crate) enum Op<'a> {
    /// These bytes arrive.
    Bytes(&'a [u8]),
    /// A complete frame arrives.
    Frame {
        kind: u8,
        len: u16,
    },
    Send {
        rate: SampleRate,
        len: usize,
    },
    /// The connection accepts at most this number of bytes.
    Write(usize),
    Wait(Duration),
    /// The clock jumps to the next deadline.
    Due,
    HalfClosed,
    Hangup,
    Eof,
    Reset,
    WriteClosed,
    Lost,
}

impl<'a> Arbitrary<'a> for Op<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u8::arbitrary(u)? % CODES {
            BYTES => {
                let len = usize::from(u16::arbitrary(u)?).min(u.len());
                Self::Bytes(u.bytes(len)?)
            }
            FRAME => Self::Frame {
                kind: u8::arbitrary(u)?,
                len: length(u)?,
            },
            SEND => {
                let rate = usize::from(u8::arbitrary(u)?) % (SampleRate::ALL.len() + 1);
                let len = usize::from(length(u)?);
                match SampleRate::ALL.get(rate) {
                    Some(rate) => Self::Send { rate: *rate, len },
                    // Longer than a frame can be.
                    None => Self::Send {
                        rate: SampleRate::Hz8000,
                        len: 65_536 + len,
                    },
                }
            }
            WRITE => Self::Write(u16::arbitrary(u)?.into()),
            WAIT => Self::Wait(Duration::from_millis(u16::arbitrary(u)?.into())),
            DUE => Self::Due,
            HALF_CLOSED => Self::HalfClosed,
            HANGUP => Self::Hangup,
            EOF => Self::Eof,
            RESET => Self::Reset,
            WRITE_CLOSED => Self::WriteClosed,
            _ => Self::Lost,
        })
    }
}

/// Reads the configuration of a session, its start time in nanoseconds, whether its UUID arrives at the start, and whether
/// the session is restored from a snapshot after each operation.
///
/// Without a UUID at the start, a fuzzer would have to guess nineteen bytes first.
pub(crate) fn setting(u: &mut Unstructured<'_>) -> Result<(SessionConfig, u64, bool, bool)> {
    let mut config = config(u)?;
    let flags = u8::arbitrary(u)?;
    config.max_duration = match flags >> 3 {
        // The same range as the timeouts, and no limit.
        seconds if seconds % 2 == 1 => Some(Duration::from_secs((seconds / 2).into())),
        _ => None,
    };
    // Sums saturate near the maximum. With 0, a deadline that counts from the epoch would not be found.
    let start = match flags & 0x06 {
        0 => 1_000_000_000_000,
        2 => u64::MAX - 20_000_000_000,
        _ => 0,
    };
    Ok((config, start, flags & 0x01 == 0, flags & 0x06 == 6))
}

/// Reads limits and deadlines. They are small, so that inputs reach them.
pub(crate) fn config(u: &mut Unstructured<'_>) -> Result<SessionConfig> {
    let mut config = SessionConfig::default();
    config.max_unsent = match u16::arbitrary(u)? {
        // Sometimes, there is room for the longest frames.
        most if most % 8 == 0 => usize::from(most) * 4,
        most => usize::from(most % 2048),
    };
    config.idle_timeout = match u8::arbitrary(u)? {
        0..0xc0 => None,
        0xff => Some(Duration::MAX),
        seconds => Some(Duration::from_secs((seconds - 0xc0).into())),
    };
    config.linger = match u8::arbitrary(u)? {
        0xff => Duration::MAX,
        tenths => Duration::from_millis(u64::from(tenths) * 100),
    };
    config.write_timeout = match u8::arbitrary(u)? {
        0xff => Duration::MAX,
        seconds => Duration::from_secs(seconds.into()),
    };
    Ok(config)
}

/// Reads a length. Most are short, because long ones are slow.
pub(crate) fn length(u: &mut Unstructured<'_>) -> Result<u16> {
    let len = u16::arbitrary(u)?;
    Ok(if len < 0xf000 { len % 1024 } else { len })
}
