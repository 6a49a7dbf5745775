use std::time::Duration;

use audiosocket_proto::{DtmfDigit, MAX_PAYLOAD_LEN, SampleRate};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng as _;
use uuid::Uuid;

use super::args::{CallArgs, Expect};
use super::voice::Voice;

/// What all calls of a run have in common.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The server as the user named it.
    pub(super) server: String,
    pub(super) calls: u32,
    /// Time between the beginnings of two calls.
    pub(super) spacing: Duration,
    pub(super) duration: Duration,
    pub(super) format: SampleRate,
    pub(super) ptime: Duration,
    /// Bytes of audio in a frame.
    pub(super) frame_len: usize,
    /// Frames that each caller sends.
    pub(super) frames: u64,
    pub(super) digits: Vec<DtmfDigit>,
    uuid: Option<Uuid>,
    pub(super) seed: u64,
    pub(super) expect: Expect,
    pub(super) linger: Duration,
    pub(super) connect_timeout: Duration,
}

/// What sets one call apart from the others; a function of the seed and the call's number.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) uuid: Uuid,
    pub(super) voice: Voice,
    /// When the first frame is due, after the beginning of the call. Less than a ptime: real
    /// callers do not talk in step, and calls that did would measure the crowd.
    pub(super) phase: Duration,
}

impl Plan {
    /// The plan that `args` describe, or what is wrong with them.
    pub(super) fn new(args: &CallArgs) -> Result<Self, String> {
        if args.uuid.is_some() && args.calls > 1 {
            return Err("--uuid names one call, but --calls asks for more".to_owned());
        }
        let ptime = Duration::from_millis(args.ptime.into());
        let frame_len = usize::try_from(args.format.samples_in(ptime) * 2).unwrap_or(usize::MAX);
        if frame_len > MAX_PAYLOAD_LEN {
            let longest = args.format.duration_of(MAX_PAYLOAD_LEN as u64 / 2);
            return Err(format!(
                "--ptime {} is {frame_len} bytes of {}; a frame takes {MAX_PAYLOAD_LEN}, which is {} ms",
                args.ptime,
                args.format,
                longest.as_millis(),
            ));
        }
        let frames = args.duration.as_nanos() / ptime.as_nanos();
        if frames == 0 {
            return Err("--duration is shorter than one frame (--ptime)".to_owned());
        }
        Ok(Self {
            server: args.server.clone(),
            calls: args.calls,
            spacing: args
                .rate
                .map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate)),
            duration: args.duration,
            format: args.format,
            ptime,
            frame_len,
            frames: u64::try_from(frames).unwrap_or(u64::MAX),
            digits: args.dtmf.0.clone(),
            uuid: args.uuid,
            seed: args.seed.unwrap_or_else(any_seed),
            expect: args.expect,
            linger: args.linger,
            connect_timeout: args.connect_timeout,
        })
    }

    pub(super) fn identity(&self, number: u32) -> Identity {
        // A stream of its own for each call, so that a call is the same however many others run.
        let mut rng = Pcg64::new(self.seed.into(), number.into());
        let drawn =
            uuid::Builder::from_u128(u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64()))
                .with_variant(uuid::Variant::RFC4122)
                .with_version(uuid::Version::Random)
                .into_uuid();
        Identity {
            uuid: self.uuid.unwrap_or(drawn),
            voice: Voice::new(rng.next_u64(), self.frame_len),
            phase: self
                .ptime
                .mul_f64(f64::from(rng.next_u32()) / 2_f64.powi(32)),
        }
    }
}

/// Small enough for every JSON reader, many of which have no integers beyond 2^53.
fn any_seed() -> u64 {
    getrandom::u32()
        .expect("the system gives random numbers")
        .into()
}
