//! The steps of a call, as plain numbers. So the reference needs no type of the core.

use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use audiosocket_proto::SessionConfig;

use super::spec;
use crate::op::{self, Op};

/// A step of a server session.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Arrive(Vec<u8>),
    /// Audio at `rate` Hz with `len` bytes. Each byte is `fill`.
    Send {
        rate: u32,
        fill: u8,
        len: usize,
    },
    /// The connection accepts at most this number of bytes.
    Take(usize),
    /// The time passes, in nanoseconds.
    Wait(u64),
    /// The clock jumps to the next deadline.
    Due,
    HalfClosed,
    Hangup,
    Eof,
    Reset,
    WriteClosed,
    Lost,
}

impl From<Op<'_>> for Step {
    fn from(op: Op<'_>) -> Self {
        match op {
            Op::Bytes(bytes) => Self::Arrive(bytes.to_vec()),
            Op::Frame { kind, len } => Self::Arrive(filled(kind, len)),
            Op::Send { rate, len } => Self::Send {
                rate: rate.hz(),
                fill: len as u8,
                len,
            },
            Op::Write(most) => Self::Take(most),
            Op::Wait(time) => Self::Wait(nanos(time)),
            Op::Due => Self::Due,
            Op::HalfClosed => Self::HalfClosed,
            Op::Hangup => Self::Hangup,
            Op::Eof => Self::Eof,
            Op::Reset => Self::Reset,
            Op::WriteClosed => Self::WriteClosed,
            Op::Lost => Self::Lost,
        }
    }
}

/// The limits and deadlines of a [`SessionConfig`]. Times are in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct SessionLimits {
    pub(super) uuid: u64,
    pub(super) idle: Option<u64>,
    pub(super) longest: Option<u64>,
    pub(super) stall: u64,
    pub(super) linger: u64,
    pub(super) unsent: usize,
}

impl From<&SessionConfig> for SessionLimits {
    fn from(config: &SessionConfig) -> Self {
        Self {
            uuid: nanos(config.uuid_timeout),
            idle: config.idle_timeout.map(nanos),
            longest: config.max_duration.map(nanos),
            stall: nanos(config.write_timeout),
            linger: nanos(config.linger),
            unsent: config.max_unsent,
        }
    }
}

/// Reads the steps of a server session, up to its close.
pub(super) fn steps(u: &mut Unstructured<'_>, with_uuid: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    if with_uuid {
        steps.push(Step::Arrive(spec::frame(0x01, b"sixteen bytes !!")));
    }
    while !u.is_empty() {
        let Ok(op) = Op::arbitrary(u) else { break };
        steps.push(op.into());
    }
    steps.extend(closing());
    steps
}

/// Returns the steps that close every session.
pub(super) fn closing() -> impl Iterator<Item = Step> {
    [
        Step::Hangup,
        Step::Take(usize::MAX),
        Step::HalfClosed,
        Step::Due,
    ]
    .into_iter()
}

/// The codes of a [`ClientStep`]. The seeds use them.
pub(crate) mod codes {
    pub(crate) const BYTES: u8 = 0;
    pub(crate) const FRAME: u8 = 1;
    pub(crate) const AUDIO: u8 = 2;
    pub(crate) const TAKE: u8 = 3;
    pub(crate) const KEY: u8 = 4;
    pub(crate) const ERROR: u8 = 5;
    pub(crate) const EOF: u8 = 6;
    pub(crate) const HANGUP: u8 = 7;
    pub(super) const CODES: u8 = 8;
}

/// A step on Asterisk's side.
#[derive(Clone, Debug)]
pub(super) enum ClientStep {
    Arrive(Vec<u8>),
    /// Audio with `len` bytes. Each byte is `fill`.
    Audio {
        fill: u8,
        len: usize,
    },
    Key(u8),
    Error(u8),
    Take(usize),
    Eof,
    Hangup,
}

impl<'a> Arbitrary<'a> for ClientStep {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u8::arbitrary(u)? % codes::CODES {
            codes::BYTES => {
                let len = usize::from(u16::arbitrary(u)?).min(u.len());
                Self::Arrive(u.bytes(len)?.to_vec())
            }
            codes::FRAME => Self::Arrive(filled(u8::arbitrary(u)?, op::length(u)?)),
            codes::AUDIO => {
                let len = usize::from(op::length(u)?);
                Self::Audio {
                    fill: len as u8,
                    // Sometimes longer than a frame can be.
                    len: if len == 1 { spec::LONGEST + 1 } else { len },
                }
            }
            codes::TAKE => Self::Take(u16::arbitrary(u)?.into()),
            codes::KEY => Self::Key(u8::arbitrary(u)?),
            codes::ERROR => Self::Error(u8::arbitrary(u)?),
            codes::EOF => Self::Eof,
            _ => Self::Hangup,
        })
    }
}

fn filled(kind: u8, len: u16) -> Vec<u8> {
    spec::frame(kind, &vec![kind ^ 0x31; len.into()])
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
