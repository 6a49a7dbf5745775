use std::ops::RangeInclusive;
use std::path::PathBuf;
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
    /// How long the caller of each call talks; or the shortest and the longest, such as 1s-60s, and
    /// each call's own is drawn from the seed [default: 5s, or to the end of --audio; with
    /// --barge-in-after that much longer]
    #[arg(long, value_name = "TIME", value_parser = duration::parse_range)]
    pub(super) duration: Option<RangeInclusive<Duration>>,
    /// In place of a frame each --ptime, send so many in one write, and as many again as soon as all
    /// of them have come back, until --duration is over: as much as the server can take
    #[arg(long, value_name = "FRAMES", value_parser = clap::value_parser!(u32).range(1..=200))]
    pub(super) closed_loop: Option<u32>,
    /// Say nothing but the UUID and --dtmf, and listen for --duration: a call that is merely there.
    /// With --expect echo, it is good if nothing but silence comes, or nothing at all
    #[arg(long)]
    pub(super) quiet: bool,
    /// Asterisk's name of the audio format: slin (8 kHz), slin12, slin16, slin24, slin32, slin44,
    /// slin48, slin96 or slin192
    #[arg(long, default_value_t = SampleRate::Hz8000)]
    pub(super) format: SampleRate,
    /// Milliseconds of audio in each frame
    #[arg(long, value_name = "MS", default_value_t = 20, value_parser = clap::value_parser!(u16).range(2..=1000))]
    pub(super) ptime: u16,
    /// What each caller says: a WAV file of any rate, up to ten minutes long; after its end the
    /// caller is silent. Without it callers say noise
    #[arg(long, value_name = "FILE")]
    pub(super) audio: Option<PathBuf>,
    /// The caller is silent for so long, then speaks, loudly; tells for how long the server speaks
    /// on. Without --audio it says two seconds of something like speech
    #[arg(long, value_name = "TIME", value_parser = duration::parse_positive)]
    pub(super) barge_in_after: Option<Duration>,
    /// Write what the caller hears to this WAV file. With more calls than one, its name must have
    /// {uuid} in it, which stands for the call's UUID
    #[arg(long, value_name = "FILE")]
    pub(super) record: Option<String>,
    /// Keys that each caller presses at the beginning of the call, 100 ms apart: 0-9 * # A-D
    #[arg(long, value_name = "KEYS", default_value = "", hide_default_value = true, value_parser = digits)]
    pub(super) dtmf: Digits,
    /// The call's UUID; only with one call. Otherwise UUIDs are drawn from the seed
    #[arg(long)]
    pub(super) uuid: Option<Uuid>,
    /// Fixes the audio and the UUIDs of all calls; drawn by the system if not given
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// What the server has to do for a call to be good [default: echo, or any with
    /// --barge-in-after]
    #[arg(long, value_enum)]
    pub(super) expect: Option<Expect>,
    /// How long to wait, once the caller has stopped talking, for echoes that have not come yet
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration::parse)]
    pub(super) linger: Duration,
    /// How long connecting may take
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::parse_positive)]
    pub(super) connect_timeout: Duration,
    /// The server's process, on this machine: tells what a frame costs it, while all calls talk.
    /// Only on Linux
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(i32).range(1..))]
    pub(super) server_pid: Option<i32>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Expect {
    /// Send back every byte of the caller's audio, in order. Frames may be cut differently (those
    /// of --audio may not), and frames of silence (all zero) may come between. The server must not
    /// end the call
    Echo,
    /// Send any audio that is not silence. The server may end the call
    Any,
}

impl CallArgs {
    /// The calls of `audiosocket demo`, which are `call`'s own defaults otherwise.
    pub(crate) fn of_demo(server: &str, calls: u32, duration: Duration, json: bool) -> Self {
        Self {
            calls,
            duration: Some(duration..=duration),
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
Each caller connects, sends its UUID, presses its keys, and sends audio in real time. That is noise,
never silent, and different in every frame, so that each frame is recognised when it comes back,
however it is cut; or a file (--audio), whose frames have to come back as they were cut. Silence
needs not come back, and may come at any time. Then the caller waits for what is outstanding and
hangs up as Asterisk does: it just closes.

As Asterisk does, a caller ends its call when the server sends anything but a hangup or audio of at
least one byte, and when a write finds the connection full, because the server does not read. Such a
call has failed.

Of durations between two, short ones are drawn more often, as calls are: half of the calls are over
after a quarter of the range, and the mean is at a third.

Examples:
  audiosocket call 127.0.0.1:9092 --calls 200 --rate 50 --duration 30s
  audiosocket call 127.0.0.1:9092 --calls 36000 --rate 10 --duration 1s-60s
  audiosocket call [::1]:9092 --format slin16 --dtmf '15*D#'
  audiosocket call voicebot:9092 --expect any --json | jq .jitter
  audiosocket call 127.0.0.1:9092 --calls 256 --closed-loop 1 --server-pid 4711
  audiosocket call voicebot:9092 --expect any --audio asks.wav --duration 30s --record hears.wav
  audiosocket call voicebot:9092 --calls 20 --barge-in-after 2s --record 'heard-{uuid}.wav'

A recording has the rate of the first audio that is not silence; what comes at another is resampled.
Audio is where the caller hears it, on a telephone that buffers 60 ms: what comes early is heard
after what came before, what comes late right after it, unless nothing came for longer than that.
Such a pause is silence in the recording, as long as it was. It begins with the call, and ends with
the last audio that came. A file of that name is overwritten. No call waits for the disk: if that is
too slow, or has not taken all within 10 s of the last call or by another signal, recordings fail.

A call in which the caller barges in is good if the server spoke when the caller began to, and then
was silent for 500 ms, or ended the call. Speech is all audio that is not silence (all zero). How
long it went on is counted from sending the caller's first loud frame (-40 dB or more) to the end of
what the caller then hears of the server, the frames that were sent ahead included.

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
  since_due_us
             the same from when the frame was due to be written. A caller that is held up writes late,
             and would not see for how long a server stands still in which it could not write; if
             this is far above latency_us, look at own_delay_us and at frames late. Not with
             --closed-loop, where nothing is due
  jitter     how far the received audio frames are off, early or late, in microseconds. spacing_us:
             the time since the frame before, against what that lasts. late_us: the same of frames
             that are late, and 0 of the others, which are early or in time. grid_us: the time since
             the first, against what all audio since then lasts. drift_us: that of a call's last frame,
             if it is late, or negative if it is early, where it was least and most. bursts: frames
             that came less than 5 ms after another, both at least 10 ms long. gaps: how often the
             caller had nothing to hear for more than 60 ms, and longest_gap_us; a gap is in no
             other figure, and begins a new grid, since a server may be silent for a while. Not with
             --closed-loop, where audio is not in real time
  barge_in   calls in which the server: fell_silent, never_silent, not_speaking when the caller
             began; went_on_us: for how long, of those that fell silent
  recordings written, failed, and the error of one of them
  server_process
             with --server-pid, from one second after the last call has connected until the first
             stops talking. seconds: how long that was; frames: echoed in it, or with --expect any
             received (audio of any kind); cpu_us_per_frame: microseconds of processor time for each
             of them, of all threads, in the kernel and outside; user_us_per_frame,
             system_us_per_frame: the same in two, as the system's clock ticks tell, which are
             coarse; busy: seconds of processor time in a second; context_switches_per_frame, of
             those threads that were there all the time; resident_bytes, descriptors, threads: in
             the end; own_busy: as busy, of this program; limit: server if that is busy for 0.95 or
             more, caller if this program is and the server is not, none otherwise
  own_delay_us
             how late this program reads what has come, from a time stamp that it sends itself
             about every 4 ms. About so much of latency_us and of jitter is its own doing, or that
             of a busy machine; if it is not far below them, use fewer calls or another machine
  also       server, expect, closed_loop, quiet, format, ptime_ms, duration_s and longest_s (the same, but of a range),
             seed, digits_sent, seconds (the whole run), ok

Exit codes: 0 good; 1 a call or a recording failed, or a frame was missing, wrong or extra; 2 the
command line was wrong; 130 interrupted.";

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
