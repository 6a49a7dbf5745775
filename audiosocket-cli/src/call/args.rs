use std::time::Duration;

use audiosocket_proto::{DtmfDigit, SampleRate};
use clap::{Parser, ValueEnum};
use serde::Serialize;
use uuid::Uuid;

use crate::{address, duration};

/// What `audiosocket call` can be told.
#[derive(Debug, Parser)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct CallArgs {
    /// The server, as host:port; the host may be a name or an address
    #[arg(value_name = "ADDR", value_parser = address::parse)]
    pub(super) server: String,
    /// How many calls to place
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) calls: u32,
    /// Calls to begin per second, such as 50 or 0.5; without it all begin at once
    #[arg(long, value_name = "PER_SECOND", value_parser = calls_per_second)]
    pub(super) rate: Option<f64>,
    /// How long the caller of each call talks
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::parse_positive)]
    pub(super) duration: Duration,
    /// Asterisk's name of the audio format: slin (8 kHz), slin12, slin16, slin24, slin32, slin44,
    /// slin48, slin96 or slin192
    #[arg(long, default_value_t = SampleRate::Hz8000)]
    pub(super) format: SampleRate,
    /// Milliseconds of audio in each frame
    #[arg(long, value_name = "MS", default_value_t = 20, value_parser = clap::value_parser!(u16).range(2..=1000))]
    pub(super) ptime: u16,
    /// Keys that each caller presses at the beginning of the call, 100 ms apart: 0-9 * # A-D
    #[arg(long, value_name = "KEYS", default_value = "", hide_default_value = true, value_parser = digits)]
    pub(super) dtmf: Digits,
    /// The call's UUID; only with one call. Otherwise UUIDs are drawn from the seed
    #[arg(long)]
    pub(super) uuid: Option<Uuid>,
    /// Fixes the audio and the UUIDs of all calls; drawn by the system if not given
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// What the server has to do for a call to be good
    #[arg(long, value_enum, default_value_t = Expect::Echo)]
    pub(super) expect: Expect,
    /// How long to wait, once the caller has stopped talking, for echoes that have not come yet
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration::parse)]
    pub(super) linger: Duration,
    /// How long connecting may take
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::parse_positive)]
    pub(super) connect_timeout: Duration,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Expect {
    /// Send back every byte of the caller's audio, in order. Frames may be cut differently, and
    /// frames of silence (all zero) may come between. The server must not end the call
    Echo,
    /// Send any audio that is not silence. The server may end the call
    Any,
}

impl CallArgs {
    /// The calls of `audiosocket demo`, which are `call`'s own defaults otherwise.
    pub(crate) fn of_demo(server: &str, calls: u32, duration: Duration, json: bool) -> Self {
        Self {
            calls,
            duration,
            json,
            ..Self::parse_from(["call", server])
        }
    }
}

/// A type of its own, since clap takes a `Vec` for an argument that repeats.
#[derive(Clone, Debug, Default)]
pub(super) struct Digits(pub(super) Vec<DtmfDigit>);

impl std::fmt::Display for Digits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|digit| digit.fmt(f))
    }
}

const AFTER_HELP: &str = "\
Each caller connects, sends its UUID, presses its keys, and sends audio in real time: random, never
silent, and different in every frame, so that each frame is recognised when it comes back. Then it
waits for what is outstanding and hangs up as Asterisk does: it just closes.

As Asterisk does, a caller ends its call when the server sends anything but a hangup or audio of at
least one byte, and when a write finds the connection full, because the server does not read. Such a
call has failed.

Examples:
  audiosocket call 127.0.0.1:9092 --calls 200 --rate 50 --duration 30s
  audiosocket call [::1]:9092 --format slin16 --dtmf '15*D#'
  audiosocket call voicebot:9092 --expect any --json | jq .latency_us

The figures, and their names in JSON:
  calls      placed, completed, failed, interrupted (by Ctrl-C); failures: reason, calls, and the
             UUID of one of them
  hangups    who ended the calls that were connected: caller, server (with a hangup frame), closed
             (the server closed the connection without one, or it was lost)
  frames     sent; received (audio of any kind, as the server cut it); silence (received, all zero);
             echoed (sent, and come back whole); missing (sent, not come back); wrong (come back
             changed); extra (received beyond what was sent); late (sent more than one ptime late:
             this machine is the limit, not the server)
  latency_us microseconds from writing a frame to the read that completed its echo: min, p50, p99,
             p999, max
  also       server, expect, format, ptime_ms, duration_s, seed, digits_sent, seconds (the whole
             run), ok

Exit codes: 0 good; 1 a call failed, or a frame was missing, wrong or extra; 2 the command line was
wrong; 130 interrupted.";

fn calls_per_second(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.001..=1e6).contains(&rate) => Ok(rate),
        _ => Err("expected a number between 0.001 and 1000000".to_owned()),
    }
}

fn digits(text: &str) -> Result<Digits, String> {
    let digits = text.chars().map(|key| {
        u8::try_from(key)
            .ok()
            .and_then(DtmfDigit::new)
            .ok_or_else(|| format!("{key:?} is not one of the keys 0-9 * # A-D"))
    });
    digits.collect::<Result<_, _>>().map(Digits)
}
