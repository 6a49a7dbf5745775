//! The operations on a connection, read from the bytes of a fuzzer.

use std::io::ErrorKind;
use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use audiosocket_proto::{SampleRate, SessionConfig};

use crate::op;

/// The codes of the operations. The seeds use them.
pub(crate) mod codes {
    pub(crate) const BYTES: u8 = 0;
    pub(crate) const FRAMES: u8 = 1;
    pub(crate) const TAKE: u8 = 2;
    pub(crate) const SHORT: u8 = 3;
    pub(crate) const WAIT: u8 = 4;
    pub(crate) const DUE: u8 = 5;
    pub(crate) const ALMOST_DUE: u8 = 6;
    pub(crate) const HANGUP: u8 = 7;
    pub(crate) const SHUT_DOWN: u8 = 8;
    pub(crate) const ABANDON: u8 = 9;
    pub(crate) const EOF: u8 = 10;
    pub(crate) const READ_ERROR: u8 = 11;
    pub(crate) const WRITE_ERROR: u8 = 12;
    pub(crate) const HOLD: u8 = 13;
    pub(crate) const STALL: u8 = 14;
    pub(crate) const PLAY: u8 = 15;
    pub(crate) const CLEAR: u8 = 16;
    pub(crate) const MARK: u8 = 17;
    pub(crate) const HANGUP_AFTER_PLAYOUT: u8 = 18;
    pub(super) const CODES: u8 = 19;

    /// A flag of a code: the next operation happens at the same time.
    pub(crate) const TOGETHER: u8 = 0x80;
}

/// An operation. It is read from front to back, so that seeds can be written by hand.
#[derive(Debug)]
pub(crate) enum Op<'a> {
    /// These bytes arrive, in one piece.
    Bytes(&'a [u8]),
    /// A number of frames arrive, each in a separate piece.
    Frames {
        count: u8,
        kind: u8,
        len: u16,
    },
    /// The peer reads this number of bytes more.
    Take(usize),
    /// Each of the next writes accepts at most this number of bytes. With 0, the write fails.
    Short {
        writes: u8,
        most: u8,
    },
    Wait(Duration),
    /// The clock jumps to the next deadline.
    Due,
    /// The clock jumps to one millisecond before the next deadline.
    AlmostDue,
    Hangup,
    ShutDown,
    Abandon,
    Eof,
    ReadError(ErrorKind),
    /// The next write, flush or close fails.
    WriteError(ErrorKind),
    /// Sets whether the stream holds written bytes until a flush.
    Hold(bool),
    /// Sets whether a flush and a close of the write side must wait.
    Stall(bool),
    /// The call handle plays this number of bytes.
    Play(SampleRate, u16),
    Clear,
    Mark,
    HangupAfterPlayout,
}

/// Reads the next operation, and whether it happens alone.
pub(super) fn step<'a>(u: &mut Unstructured<'a>) -> Result<(Op<'a>, bool)> {
    let code = u8::arbitrary(u)?;
    let op = match (code & !codes::TOGETHER) % codes::CODES {
        codes::BYTES => {
            let len = usize::from(u16::arbitrary(u)?).min(u.len());
            Op::Bytes(u.bytes(len)?)
        }
        codes::FRAMES => {
            // Many frames need several rounds of a loop. Many frames are short, because long ones are slow.
            let count = u8::arbitrary(u)? % 64;
            let most = if count < 4 { u16::MAX } else { 200 };
            Op::Frames {
                count,
                kind: u8::arbitrary(u)?,
                len: op::length(u)?.min(most),
            }
        }
        codes::TAKE => Op::Take(u16::arbitrary(u)?.into()),
        codes::SHORT => Op::Short {
            writes: u8::arbitrary(u)?,
            most: u8::arbitrary(u)?,
        },
        codes::WAIT => Op::Wait(Duration::from_millis(u16::arbitrary(u)?.into())),
        codes::DUE => Op::Due,
        codes::ALMOST_DUE => Op::AlmostDue,
        codes::HANGUP => Op::Hangup,
        codes::SHUT_DOWN => Op::ShutDown,
        codes::ABANDON => Op::Abandon,
        codes::EOF => Op::Eof,
        codes::READ_ERROR => Op::ReadError(error(u)?),
        codes::WRITE_ERROR => Op::WriteError(error(u)?),
        codes::HOLD => Op::Hold(bool::arbitrary(u)?),
        codes::STALL => Op::Stall(bool::arbitrary(u)?),
        codes::PLAY => {
            let rate = usize::from(u8::arbitrary(u)?) % SampleRate::ALL.len();
            Op::Play(SampleRate::ALL[rate], op::length(u)?)
        }
        codes::CLEAR => Op::Clear,
        codes::MARK => Op::Mark,
        _ => Op::HangupAfterPlayout,
    };
    Ok((op, code & codes::TOGETHER == 0))
}

/// Reads the configuration of a session, with timeouts of at least 1 ms. The order of an operation and a deadline at the
/// same time is not defined.
pub(super) fn config(u: &mut Unstructured<'_>) -> Result<SessionConfig> {
    const LEAST: Duration = Duration::from_millis(1);
    let mut config = op::config(u)?;
    config = config.linger(config.linger.max(LEAST));
    config = config.write_timeout(config.write_timeout.max(LEAST));
    config = config.idle_timeout(config.idle_timeout.map(|timeout| timeout.max(LEAST)));
    Ok(config)
}

fn error(u: &mut Unstructured<'_>) -> Result<ErrorKind> {
    const KINDS: [ErrorKind; 8] = [
        ErrorKind::Interrupted,
        ErrorKind::ConnectionReset,
        ErrorKind::ConnectionAborted,
        ErrorKind::BrokenPipe,
        ErrorKind::NotConnected,
        ErrorKind::UnexpectedEof,
        ErrorKind::TimedOut,
        ErrorKind::Other,
    ];
    Ok(KINDS[usize::from(u8::arbitrary(u)?) % KINDS.len()])
}
