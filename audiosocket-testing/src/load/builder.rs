use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use audiosocket_media::Encoding;
use audiosocket_proto::{DtmfDigit, SampleRate};
use uuid::Uuid;

use super::config::{Expect, LoadError, LoadMode, Options, RunConfig};
use super::cue::Cue;
use super::limits::AudioLimits;
use super::place_all::place_all;
use super::progress::{Progress, ProgressHook};
use super::report::Report;
use super::scenario::Scenario;
use super::tap::{CallTap, TapFactory};
use crate::asterisk::AsteriskRelease;

/// A load test: a builder that [`run`](Self::run) starts.
///
/// ```no_run
/// # async fn f() -> Result<(), audiosocket_testing::load::LoadError> {
/// use std::time::Duration;
///
/// use audiosocket_testing::load::LoadTest;
///
/// let report = LoadTest::new("127.0.0.1:9092")
///     .calls(200)
///     .calls_per_second(50.0)
///     .duration(Duration::from_secs(30))
///     .run()
///     .await?;
/// assert!(report.ok, "{:?}", report.failures);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a test does nothing until it runs"]
pub struct LoadTest {
    options: Options,
    tap: Option<TapFactory>,
    on_progress: Option<ProgressHook>,
}

impl LoadTest {
    /// Returns a test of one call to `server`: a host and a port, such as `127.0.0.1:9092`.
    pub fn new(server: impl Into<String>) -> Self {
        Self {
            options: Options::new(server.into()),
            tap: None,
            on_progress: None,
        }
    }

    /// Sets the number of calls. The default is 1.
    pub fn calls(mut self, calls: u32) -> Self {
        self.options.calls = calls;
        self
    }

    /// Sets the number of calls that start per second, from 0.001 to 1,000,000. By default all calls
    /// start at once.
    pub fn calls_per_second(mut self, calls: f64) -> Self {
        self.options.calls_per_second = Some(calls);
        self
    }

    /// Sets the time in which each caller sends. The default is 5 s, or the length of the
    /// [audio](Self::audio). With a [barge-in](Self::barge_in_after) it is 5 s after the barge-in.
    pub fn duration(self, duration: Duration) -> Self {
        self.durations(duration..=duration)
    }

    /// Sets a range for the duration of each call. The durations are drawn from the seed. Short
    /// durations are more frequent: half of the calls end in the first quarter of the range. The mean
    /// is at a third of the range.
    pub fn durations(mut self, durations: RangeInclusive<Duration>) -> Self {
        self.options.durations = Some(durations);
        self
    }

    /// Sets the mode of the callers. The default is [`LoadMode::Paced`].
    pub fn mode(mut self, mode: LoadMode) -> Self {
        self.options.mode = mode;
        self
    }

    /// Sends `frames` frames in one write, and the next frames when all of them have come back. This
    /// measures the maximum throughput. It is short for [`mode`](Self::mode).
    pub fn closed_loop(self, frames: NonZeroU32) -> Self {
        self.mode(LoadMode::ClosedLoop(frames))
    }

    /// Sends no audio. It is short for [`mode`](Self::mode).
    pub fn quiet(self) -> Self {
        self.mode(LoadMode::Quiet)
    }

    /// Sets the sample rate of the callers' audio. The default is 8 kHz.
    pub fn rate(mut self, rate: SampleRate) -> Self {
        self.options.rate = rate;
        self
    }

    /// Sets the duration of a frame. The default is 20 ms. A frame must have 9 to 65,535 bytes.
    pub fn ptime(mut self, ptime: Duration) -> Self {
        self.options.ptime = ptime;
        self
    }

    /// Sets the audio of each caller: samples at the sample rate of the test. Silence follows them.
    /// Without this option callers send noise.
    pub fn audio(mut self, samples: Vec<i16>) -> Self {
        self.options.audio = Some(samples);
        self
    }

    /// Makes each caller send silence for this time and then speak, and measures how long the server
    /// continues to speak. Without [audio](Self::audio) the caller sends two seconds of synthesized
    /// speech.
    ///
    /// A call fails if the server did not speak when the caller barged in, or if it did not then
    /// fall silent for 500 ms or end the call.
    pub fn barge_in_after(mut self, time: Duration) -> Self {
        self.options.barge_in_after = Some(time);
        self
    }

    /// Sets digits that each caller sends at the start of the call, 100 ms apart.
    pub fn dtmf(mut self, digits: impl IntoIterator<Item = DtmfDigit>) -> Self {
        self.options.dtmf = digits.into_iter().collect();
        self
    }

    /// Sets the UUID of the only call. By default UUIDs are drawn from the seed.
    pub fn uuid(mut self, uuid: Uuid) -> Self {
        self.options.uuid = Some(uuid);
        self
    }

    /// Sets the seed of the audio, the UUIDs and the durations of all calls. By default it is a random
    /// number. The report has it.
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = Some(seed);
        self
    }

    /// Sets the condition for a successful call. The default is [`Expect::Echo`], or [`Expect::Any`] with a
    /// [barge-in](Self::barge_in_after).
    pub fn expect(mut self, expect: Expect) -> Self {
        self.options.expect = Some(expect);
        self
    }

    /// Sets how long a caller waits for outstanding echoes after its last frame. The default is 1 s.
    pub fn linger(mut self, time: Duration) -> Self {
        self.options.linger = time;
        self
    }

    /// Sets the timeout of a connect. The default is 5 s.
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.options.connect_timeout = time;
        self
    }

    /// Measures the cost of the calls for the server: the process of this machine with this id. Only
    /// Linux is supported.
    pub fn server_pid(mut self, pid: u32) -> Self {
        self.options.server_pid = Some(pid);
        self
    }

    /// Behaves like this release of Asterisk: calls end when it would end them, it discards the kinds that the
    /// release discards, and it sends no keys or wide kinds that the release does not send. By default it is a
    /// current release.
    ///
    /// A call ends after 2 s without activity only if the release is set: calls of `Dial` have no such limit.
    pub fn asterisk(mut self, release: AsteriskRelease) -> Self {
        self.options.asterisk = Some(release);
        self
    }

    /// Does not end a call when a frame pauses, as Asterisk does after 5 ms. Use it on networks that lose packets, to
    /// check the server alone. The default is `false`.
    pub fn allow_pauses(mut self, allow: bool) -> Self {
        self.options.allow_pauses = allow;
        self
    }

    /// Makes each caller do `cue` at this time of the call. Cues at the same time happen in the order of these
    /// calls. With a cue that changes the audio, the default of [`expect`](Self::expect) is [`Expect::Any`].
    pub fn cue(mut self, at: Duration, cue: Cue) -> Self {
        let cues = &mut self.options.cues;
        let index = cues.partition_point(|(other, _)| *other <= at);
        cues.insert(index, (at, cue));
        self
    }

    /// Makes each caller do the steps of `scenario`, and fails a call at the first step whose expectation is not met. The
    /// call ends with the scenario. Callers send silence while they say nothing.
    ///
    /// It sets what callers send and expect. So it excludes [`audio`](Self::audio), [`barge_in_after`](Self::barge_in_after),
    /// [`cue`](Self::cue), [`dtmf`](Self::dtmf), [`durations`](Self::durations), [`expect`](Self::expect) and
    /// [`mode`](Self::mode).
    pub fn scenario(mut self, scenario: Scenario) -> Self {
        self.options.scenario = Some(scenario);
        self
    }

    /// Lists each call in [`Report::each_call`]. Default: only with a [`scenario`](Self::scenario).
    pub fn list_calls(mut self, list: bool) -> Self {
        self.options.list_calls = list;
        self
    }

    /// Sets the encoding of the callers' audio. The default is slin. `Dial` without `c(slin)` sends A-law or µ-law
    /// under the kind of 8 kHz slin. The default of [`expect`](Self::expect) is then [`Expect::Any`]: audio to Asterisk
    /// is always slin.
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.options.encoding = encoding;
        self
    }

    /// Sets the number of frames that each caller sends at once at the start. The default is 1. Asterisk 22.10.1 sent
    /// five.
    pub fn start_burst(mut self, frames: u32) -> Self {
        self.options.start_burst = frames;
        self
    }

    /// Fails a call if the server closes the connection without a hangup frame. Releases before 20.14, 21.9 and
    /// 22.4 do not notice such an end.
    pub fn require_hangup(mut self, required: bool) -> Self {
        self.options.require_hangup = required;
        self
    }

    /// Sets limits of the received audio. If one is exceeded, [`Report::ok`] is false. There are none by default.
    pub fn limits(mut self, limits: AudioLimits) -> Self {
        self.options.limits = limits;
        self
    }

    /// Calls `tap` for each call that has connected. The returned [`CallTap`] gets the audio of the
    /// call.
    pub fn tap<T: CallTap + 'static>(
        mut self,
        tap: impl Fn(Uuid) -> T + Send + Sync + 'static,
    ) -> Self {
        self.tap = Some(TapFactory::new(tap));
        self
    }

    /// Calls `hook` ten times per second while the test runs, and at its end.
    pub fn on_progress(mut self, hook: impl FnMut(Progress) + Send + 'static) -> Self {
        self.on_progress = Some(ProgressHook::new(hook));
        self
    }

    /// Runs the test, until all calls have ended.
    ///
    /// It needs a Tokio runtime with I/O and time. A runtime of one thread is best: one thread is
    /// enough for a thousand calls, and calls on one thread never wait for a lock. Each call needs a
    /// file descriptor. The usual limit of 1,024 is too low for a thousand calls.
    ///
    /// # Errors
    ///
    /// [`LoadError::Config`] for invalid options, and [`LoadError::Io`] if the server's name cannot
    /// be resolved or the system lacks resources. A failed call is no error.
    ///
    /// # Panics
    ///
    /// If it is called outside of a Tokio runtime with I/O and time.
    pub async fn run(self) -> Result<Report, LoadError> {
        self.run_until(std::future::pending()).await
    }

    /// Runs the test, until all calls have ended or `stop` is ready. Then open calls count as
    /// interrupted, and the other calls are not placed.
    ///
    /// # Errors
    ///
    /// See [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// See [`run`](Self::run).
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> Result<Report, LoadError> {
        let config = RunConfig::new(self.options)?;
        Ok(place_all(config, self.tap, self.on_progress, stop).await?)
    }
}
