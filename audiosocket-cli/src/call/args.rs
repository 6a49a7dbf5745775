use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use audiosocket_proto::{DtmfDigit, SampleRate};
use audiosocket_testing::load::{self, LoadMode, LoadTest};
use clap::{Parser, ValueEnum};
use uuid::Uuid;

use super::recordings::PLACEHOLDER;
use crate::{address, duration};

/// The arguments of `audiosocket call`.
#[derive(Debug, Parser)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct CallArgs {
    /// The server, as host:port; the host may be a name or an address
    #[arg(value_name = "ADDR", value_parser = address::parse)]
    server: String,
    /// The number of calls
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    calls: u32,
    /// The number of calls that start per second, such as 50 or 0.5; without it all start at once
    #[arg(long, value_name = "N", value_parser = calls_per_second)]
    calls_per_second: Option<f64>,
    /// How long each caller sends; or a range, such as 1s-60s, from which the duration of each call
    /// is drawn with the seed [default: 5s, or to the end of --audio; with --barge-in-after that
    /// much longer]
    #[arg(long, value_name = "TIME", value_parser = duration::parse_range)]
    duration: Option<RangeInclusive<Duration>>,
    /// Instead of a frame each --ptime, send this many frames in one write, and as many again as
    /// soon as all of them have come back, until --duration is over: as much as the server can take
    #[arg(long, value_name = "FRAMES", value_parser = clap::value_parser!(u32).range(1..=200))]
    closed_loop: Option<u32>,
    /// Send nothing but the UUID and --dtmf, and listen for --duration. With --expect echo, such a
    /// call succeeds if nothing but silence comes, or nothing at all
    #[arg(long)]
    quiet: bool,
    /// The sample rate, by Asterisk's name of the format: slin (8 kHz), slin12, slin16, slin24,
    /// slin32, slin44, slin48, slin96 or slin192
    #[arg(long, default_value_t = SampleRate::Hz8000)]
    pub(super) rate: SampleRate,
    /// Milliseconds of audio in each frame
    #[arg(long, value_name = "MS", default_value_t = 20, value_parser = clap::value_parser!(u16).range(2..=1000))]
    ptime: u16,
    /// What each caller sends: a WAV file of any rate, up to ten minutes long, and silence after its
    /// end. Without it callers send noise
    #[arg(long, value_name = "FILE")]
    pub(super) audio: Option<PathBuf>,
    /// The caller sends silence for this time and then speaks, loudly; reports how long the server
    /// continues to speak. Without --audio the caller sends two seconds of synthesized speech
    #[arg(long, value_name = "TIME", value_parser = duration::parse_positive)]
    barge_in_after: Option<Duration>,
    /// Write what the caller receives to this WAV file. With more than one call, the name must
    /// contain {uuid}, which stands for the UUID of the call
    #[arg(long, value_name = "FILE")]
    pub(super) record: Option<String>,
    /// Digits that each caller sends at the start of the call, 100 ms apart: 0-9 * # A-D
    #[arg(long, value_name = "KEYS", default_value = "", hide_default_value = true, value_parser = digits)]
    dtmf: Digits,
    /// The UUID of the call; only with one call. Otherwise UUIDs are drawn with the seed
    #[arg(long)]
    uuid: Option<Uuid>,
    /// Fixes the audio, the UUIDs and the durations of all calls; random by default
    #[arg(long)]
    seed: Option<u64>,
    /// What the server has to do for a call to succeed [default: echo, or any with --barge-in-after]
    #[arg(long, value_enum)]
    expect: Option<ExpectOption>,
    /// How long to wait for outstanding echoes after the caller's last frame
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration::parse)]
    linger: Duration,
    /// How long connecting may take
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::parse_positive)]
    connect_timeout: Duration,
    /// The id of the server's process, on this machine: reports what a frame costs it while all
    /// callers send. Only on Linux
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    server_pid: Option<u32>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExpectOption {
    /// Send back every byte of the caller's audio, in order. The server may cut frames differently
    /// (except those of --audio), and may send frames of silence (all zero) between. It must not
    /// end the call
    Echo,
    /// Send any audio that is not silence. The server may end the call
    Any,
}

impl CallArgs {
    /// The calls of `audiosocket demo`. All other arguments have their defaults.
    pub(crate) fn of_demo(server: &str, calls: u32, duration: Duration, json: bool) -> Self {
        Self {
            calls,
            duration: Some(duration..=duration),
            json,
            ..Self::parse_from(["call", server])
        }
    }

    /// Checks what [`LoadTest`] does not know.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.closed_loop.is_some() && self.quiet {
            return Err("--quiet says nothing, and --closed-loop as much as it can".to_owned());
        }
        if self.closed_loop.is_some() && self.record.is_some() {
            return Err("--closed-loop is not in real time, and --record needs that".to_owned());
        }
        if let Some(name) = &self.record
            && self.calls > 1
            && !name.contains(PLACEHOLDER)
        {
            return Err(format!(
                "--record names one file, but --calls asks for more; write {PLACEHOLDER} in place of the UUID of the call"
            ));
        }
        Ok(())
    }

    /// Whether callers send a frame each ptime.
    pub(super) fn is_paced(&self) -> bool {
        self.closed_loop.is_none() && !self.quiet
    }

    /// The test, without audio and recordings.
    pub(super) fn load_test(&self) -> LoadTest {
        let mode = match self.closed_loop.and_then(NonZeroU32::new) {
            Some(frames) => LoadMode::ClosedLoop(frames),
            None if self.quiet => LoadMode::Quiet,
            None => LoadMode::Paced,
        };
        let mut test = LoadTest::new(&self.server)
            .calls(self.calls)
            .mode(mode)
            .rate(self.rate)
            .ptime(Duration::from_millis(self.ptime.into()))
            .dtmf(self.dtmf.0.iter().copied())
            .linger(self.linger)
            .connect_timeout(self.connect_timeout);
        if let Some(calls) = self.calls_per_second {
            test = test.calls_per_second(calls);
        }
        if let Some(durations) = &self.duration {
            test = test.durations(durations.clone());
        }
        if let Some(time) = self.barge_in_after {
            test = test.barge_in_after(time);
        }
        if let Some(uuid) = self.uuid {
            test = test.uuid(uuid);
        }
        if let Some(seed) = self.seed {
            test = test.seed(seed);
        }
        if let Some(expect) = self.expect {
            test = test.expect(expect.into());
        }
        if let Some(pid) = self.server_pid {
            test = test.server_pid(pid);
        }
        test
    }
}

impl From<ExpectOption> for load::Expect {
    fn from(expect: ExpectOption) -> Self {
        match expect {
            ExpectOption::Echo => Self::Echo,
            ExpectOption::Any => Self::Any,
        }
    }
}

/// A type of its own, since clap takes a `Vec` as an argument that repeats.
#[derive(Clone, Debug, Default)]
struct Digits(Vec<DtmfDigit>);

impl std::fmt::Display for Digits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|digit| digit.fmt(f))
    }
}

const AFTER_HELP: &str = "\
Each caller connects, sends its UUID and its digits, and sends audio in real time. By default that is
noise without silence, in which every frame is unique, so that the program recognizes each frame in
the echo, however the server cuts it. With --audio it is a file, and the server has to echo the same
frames. Silence needs no echo, and may come at any time. The caller then waits for outstanding echoes
and hangs up as Asterisk does: it just closes the connection.

As Asterisk does, a caller ends its call when the server sends anything but a hangup or audio of at
least one byte, and when a write finds the connection full, because the server does not read. Such a
call has failed.

In a range of durations, short ones are more frequent, as in real traffic: half of the calls end in
the first quarter of the range, and the mean is at a third.

Examples:
  audiosocket call 127.0.0.1:9092 --calls 200 --calls-per-second 50 --duration 30s
  audiosocket call 127.0.0.1:9092 --calls 36000 --calls-per-second 10 --duration 1s-60s
  audiosocket call [::1]:9092 --rate slin16 --dtmf '15*D#'
  audiosocket call voicebot:9092 --expect any --json | jq .jitter
  audiosocket call 127.0.0.1:9092 --calls 256 --closed-loop 1 --server-pid 4711
  audiosocket call voicebot:9092 --expect any --audio asks.wav --duration 30s --record hears.wav
  audiosocket call voicebot:9092 --calls 20 --barge-in-after 2s --record 'heard-{uuid}.wav'

A recording has the rate of the first audio that is not silence. Audio at another rate is resampled.
The recording is what a telephone plays that buffers 60 ms: early audio follows the audio before it,
and so does late audio, unless nothing came for longer than that. Such a pause is silence of the same
length. The recording starts with the call and ends with the last audio. An existing file is
overwritten. No call waits for the disk: if the disk is too slow, or does not take all audio within
10 s of the last call or before another signal, recordings fail.

A call with a barge-in succeeds if the server spoke when the caller barged in, and then was silent for
500 ms or ended the call. Speech is all audio that is not silence (all zero). The time until the
server is silent starts with the caller's first loud frame (-40 dB or more), and ends when a telephone
has played the server's speech, including frames that were sent ahead.

The numbers, and their names in JSON:
  calls      placed, completed, failed, interrupted (by Ctrl-C); failures: reason, calls, and the
             UUID of one of them
  hangups    who ended the calls that were connected: caller, server (with a hangup frame), closed
             (the server closed the connection without a hangup frame, or the connection was lost)
  frames     sent; received (audio of any kind, as the server cut it); silence (received, all zero);
             echoed (sent, and received whole); missing (sent, not received); wrong (received
             changed); extra (received beyond what was sent); late (sent more than one ptime late:
             this machine is the limit, not the server)
  latency_us microseconds from the write of a frame to the read that completed its echo: min, p50,
             p99, p999, max
  since_due_us
             the same from the scheduled time of the frame. A caller that is delayed writes late, and
             its latency_us does not include the time in which the server stood still meanwhile. If
             this is far above latency_us, see own_delay_us and late frames. Not with --closed-loop,
             in which no frame is scheduled
  jitter     how much the received audio frames deviate from regular arrivals, in microseconds.
             spacing_us: jitter, the time between two frames against the duration of the first, early
             or late. late_us: lateness, the same of late frames, and 0 of others. grid_us: drift, the
             time since the first frame against the duration of all audio since then. drift_us: the
             drift of the last frame of a call, negative if it was early; the minimum and the maximum
             over all calls. bursts: frames that came less than 5 ms after another, both at least 10
             ms long. gaps: pauses of more than 60 ms without audio to play, and longest_gap_us; a gap
             is in no other number, and drift starts again after it, since a server may pause. Not
             with --closed-loop, where audio is not in real time
  barge_in   calls in which the server: fell_silent, never_silent, not_speaking when the caller
             barged in; went_on_us: the time until it fell silent
  recordings written, failed, and the error of one of them
  server_process
             with --server-pid, from one second after the last call has connected until the first
             stops sending. seconds: how long that was; frames: echoed in it, or with --expect any
             received (audio of any kind); cpu_us_per_frame: microseconds of processor time per frame,
             of all threads, in the kernel and outside; user_us_per_frame, system_us_per_frame: the
             same in two parts, estimated from clock ticks, which are coarse; busy: seconds of
             processor time per second; context_switches_per_frame, of the threads that existed all
             the time; resident_bytes, descriptors, threads: at the end; own_busy: the same as busy,
             of this program; limit: server if that is busy for 0.95 or more, caller if this program
             is and the server is not, none otherwise
  own_delay_us
             how late this program reads received data, measured with a time stamp that it sends to
             itself about every 4 ms. About this much of latency_us and jitter comes from this program
             or a busy machine; if it is not far below them, use fewer calls or another machine
  also       server, expect, closed_loop, quiet, format (the sample rate), ptime_ms, duration_s and
             longest_s (the minimum and the maximum), seed, digits_sent, seconds (the whole run), ok

Exit codes: 0 success; 1 a call or a recording failed, or a frame was missing, wrong or extra; 2 the
command line was wrong; 130 interrupted.";

fn calls_per_second(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(calls) if (0.001..=1e6).contains(&calls) => Ok(calls),
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
