use std::sync::Arc;
use std::time::Duration;

use audiosocket_proto::{DtmfDigit, MAX_PAYLOAD_LEN, SampleRate};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng as _;
use uuid::Uuid;

use super::args::{CallArgs, Expect};
use super::lengths::Lengths;
use super::recordings::PLACEHOLDER;
use super::schedule::Manner;
use super::server_process::ServerProcess;
use super::speech::{self, Speech};
use super::voice::Voice;

/// How long a caller talks, or is on the line after it has barged in, if nothing else is said.
const DURATION: Duration = Duration::from_secs(5);

/// How long all calls are to have gone on before it is measured what they cost the server.
pub(super) const WARM_UP: Duration = Duration::from_secs(1);

/// What all calls of a run have in common.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The server as the user named it.
    pub(super) server: String,
    pub(super) calls: u32,
    /// Time between the beginnings of two calls.
    pub(super) spacing: Duration,
    pub(super) lengths: Lengths,
    pub(super) manner: Manner,
    pub(super) format: SampleRate,
    pub(super) ptime: Duration,
    /// Bytes of audio in a frame.
    frame_len: usize,
    /// What callers say; if `None`, each its own noise.
    speech: Option<Arc<Speech>>,
    /// The number of the frame with which callers barge in, if they do.
    pub(super) barge_in: Option<u64>,
    /// The name of the files to record to.
    pub(super) record: Option<String>,
    pub(super) digits: Vec<DtmfDigit>,
    uuid: Option<Uuid>,
    pub(super) seed: u64,
    pub(super) expect: Expect,
    pub(super) linger: Duration,
    pub(super) connect_timeout: Duration,
    /// The server's process, if what it costs is to be measured.
    pub(super) server_process: Option<ServerProcess>,
}

/// What sets one call apart from the others; a function of the seed and the call's number.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) uuid: Uuid,
    pub(super) voice: Voice,
    /// When the first frame is due, after the beginning of the call. Less than a ptime: real
    /// callers do not talk in step, and calls that did would measure the crowd.
    pub(super) phase: Duration,
    /// Frames that the caller sends.
    pub(super) frames: u64,
}

impl Plan {
    /// The plan that `args` describe, or what is wrong with them. `audio` is what is in the file
    /// that they name.
    pub(super) fn new(args: &CallArgs, audio: Option<&[i16]>) -> Result<Self, String> {
        if args.uuid.is_some() && args.calls > 1 {
            return Err("--uuid names one call, but --calls asks for more".to_owned());
        }
        if let Some(name) = &args.record
            && args.calls > 1
            && !name.contains(PLACEHOLDER)
        {
            return Err(format!(
                "--record names one file, but --calls asks for more; write {PLACEHOLDER} where the call's UUID is to be"
            ));
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
        let lead = args.barge_in_after.unwrap_or_default();
        let speech = speech_of(args, audio, lead, ptime, frame_len);
        let durations = match (&args.duration, &speech) {
            (Some(durations), _) => durations.clone(),
            (None, Some(speech)) if audio.is_some() => {
                let whole = Duration::from_millis(speech.frames() * u64::from(args.ptime));
                whole..=whole
            }
            (None, _) => lead + DURATION..=lead + DURATION,
        };
        if durations.end().is_zero() {
            return Err("there is no audio in the file that --audio names".to_owned());
        }
        let lengths = Lengths::new(durations, ptime)
            .ok_or("--duration is shorter than one frame (--ptime)")?;
        let barge_in = match &speech {
            Some(speech) if args.barge_in_after.is_some() => {
                Some(barge_in(speech, lengths.shortest())?)
            }
            _ => None,
        };
        let expect = match (args.expect, barge_in) {
            (Some(Expect::Echo), Some(_)) => {
                return Err(
                    "to an echo nobody can barge in: --barge-in-after needs --expect any"
                        .to_owned(),
                );
            }
            (Some(expect), _) => expect,
            (None, Some(_)) => Expect::Any,
            (None, None) => Expect::Echo,
        };
        let manner = manner(args, expect)?;
        let spacing = args
            .rate
            .map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate));
        let server_process = match args.server_pid {
            Some(pid) => {
                let until_all_are_there = spacing * (args.calls - 1);
                if *lengths.durations().start() <= until_all_are_there + WARM_UP {
                    return Err(format!(
                        "--server-pid looks at the server from {WARM_UP:?} after the last call has begun until the first stops; --duration is too short for that"
                    ));
                }
                let found = ServerProcess::find(pid);
                Some(found.map_err(|error| format!("--server-pid {pid}: {error}"))?)
            }
            None => None,
        };
        Ok(Self {
            server: args.server.clone(),
            calls: args.calls,
            spacing,
            lengths,
            manner,
            format: args.format,
            ptime,
            frame_len,
            speech: speech.map(Arc::new),
            barge_in,
            record: args.record.clone(),
            digits: args.dtmf.0.clone(),
            uuid: args.uuid,
            seed: args.seed.unwrap_or_else(any_seed),
            expect,
            linger: args.linger,
            connect_timeout: args.connect_timeout,
            server_process,
        })
    }

    /// Frames that all callers together send, if that is known beforehand.
    pub(super) fn frames(&self) -> Option<u64> {
        let all = || {
            (0..self.calls).fold(0, |all: u64, number| {
                all.saturating_add(self.identity(number).frames)
            })
        };
        (self.manner == Manner::Paced).then(all)
    }

    pub(super) fn is_closed_loop(&self) -> bool {
        matches!(self.manner, Manner::ClosedLoop(_))
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
            voice: match &self.speech {
                Some(speech) => Voice::Speech(Arc::clone(speech)),
                None => Voice::noise(rng.next_u64(), self.frame_len),
            },
            phase: self
                .ptime
                .mul_f64(f64::from(rng.next_u32()) / 2_f64.powi(32)),
            frames: self.lengths.draw(&mut rng),
        }
    }
}

/// How callers talk, or why they cannot.
fn manner(args: &CallArgs, expect: Expect) -> Result<Manner, String> {
    let manner = match args.closed_loop {
        Some(frames) => Manner::ClosedLoop(frames),
        None if args.quiet => Manner::Quiet,
        None => return Ok(Manner::Paced),
    };
    let option = if args.quiet {
        "--quiet"
    } else {
        "--closed-loop"
    };
    if args.closed_loop.is_some() && args.quiet {
        return Err("--quiet says nothing, and --closed-loop as much as it can".to_owned());
    }
    if args.audio.is_some() || args.barge_in_after.is_some() {
        return Err(format!(
            "{option} leaves nothing to say for --audio and --barge-in-after"
        ));
    }
    if args.closed_loop.is_some() && expect != Expect::Echo {
        return Err("--closed-loop waits for echoes: it needs --expect echo".to_owned());
    }
    if args.closed_loop.is_some() && args.record.is_some() {
        return Err("--closed-loop is not in real time, as what --record records is".to_owned());
    }
    Ok(manner)
}

/// What all callers say, if it is not noise.
fn speech_of(
    args: &CallArgs,
    audio: Option<&[i16]>,
    lead: Duration,
    ptime: Duration,
    frame_len: usize,
) -> Option<Speech> {
    let lead = lead.as_nanos().div_ceil(ptime.as_nanos());
    let lead = u64::try_from(lead).unwrap_or(u64::MAX);
    match audio {
        Some(samples) => Some(Speech::new(samples, frame_len, lead)),
        None if lead > 0 => Some(Speech::new(&speech::make(args.format), frame_len, lead)),
        None => None,
    }
}

fn barge_in(speech: &Speech, frames: u64) -> Result<u64, String> {
    let first_loud = speech
        .first_loud()
        .ok_or("nothing in the file that --audio names is loud enough to barge in with (-40 dB)")?;
    if first_loud >= frames {
        return Err("--duration is over before the caller barges in".to_owned());
    }
    Ok(first_loud)
}

/// Small enough for every JSON reader, many of which have no integers beyond 2^53.
fn any_seed() -> u64 {
    getrandom::u32()
        .expect("the system gives random numbers")
        .into()
}
