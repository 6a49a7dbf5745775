//! Every command of `audiosocket serve` with callers that behave like each release of Asterisk.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use audiosocket_media::SampleRate;
use audiosocket_media::file::AudioReader;
use audiosocket_proto::Audio;
use audiosocket_testing::asterisk::{AsteriskFeature, AsteriskRelease};
use audiosocket_testing::load::{CallTap, Cue, Expect, Expectation, LoadTest, Report, Scenario};
use tempfile::TempDir;

use crate::process::{ServeProcess, audiosocket};
use crate::recordings::{files, finished, name};
use crate::serve::play::wav_file;

/// A release before the first change to AudioSocket, and one with each change. Callers of all [`RATES`] have them.
const RELEASES: [&str; 6] = ["18.0", "20.14", "20.15", "20.17", "20.19", "23.4"];

/// The other releases of the table. They have the features of one of [`RELEASES`], and callers of 8 kHz.
const MORE_RELEASES: [&str; 14] = [
    "19.8", "20.13", "20.20", "21.9", "21.10", "21.12", "22.4", "22.5", "22.7", "22.9", "22.10",
    "23.0", "23.1", "23.3",
];

/// The sample rates of the callers. `None` is a caller that sends no audio.
const RATES: [Option<SampleRate>; 3] = [None, Some(SampleRate::Hz8000), Some(SampleRate::Hz16000)];

/// Speech of 4.6 s, at 8 kHz.
const SPEECH: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../audiosocket-media/tests/speech/auth-incorrect.wav"
);

const SECOND: Duration = Duration::from_secs(1);

/// A caller that behaves like a release.
#[derive(Clone, Copy, Debug)]
struct Caller {
    release: AsteriskRelease,
    rate: Option<SampleRate>,
}

impl Caller {
    /// All callers that send audio, or all.
    fn all(with_silent_ones: bool) -> Vec<Self> {
        let releases = RELEASES.iter().map(|release| release.parse().unwrap());
        let rates = RATES
            .into_iter()
            .filter(|rate| with_silent_ones || rate.is_some());
        let rates: Vec<_> = rates.collect();
        let of_release = |release| rates.iter().map(move |&rate| Self { release, rate });
        let more = MORE_RELEASES.iter().map(|release| Self {
            release: release.parse().unwrap(),
            rate: Some(SampleRate::Hz8000),
        });
        releases.flat_map(of_release).chain(more).collect()
    }

    /// Whether the release sends the audio under a kind that has another rate.
    fn is_wide_under_0x10(self) -> bool {
        self.rate.is_some_and(|rate| rate != self.answer_rate())
    }

    /// The rate in which a server has to answer.
    fn answer_rate(self) -> SampleRate {
        match self.rate {
            Some(rate) if self.release.has(AsteriskFeature::WideAudio) => rate,
            _ => SampleRate::Hz8000,
        }
    }

    /// A test of a call by this caller.
    fn test(self, addr: SocketAddr) -> LoadTest {
        let test = LoadTest::new(addr.to_string()).asterisk(self.release);
        let test = test.require_hangup(true);
        match self.rate {
            Some(rate) => test.rate(rate),
            None => test,
        }
    }

    /// Makes this caller speak for a while, or not at all, and expect any audio.
    fn speaks(self, test: LoadTest) -> LoadTest {
        let test = match self.rate {
            Some(rate) => test.audio(speech(rate, SECOND)),
            None => test.quiet(),
        };
        test.expect(Expect::Any)
    }
}

/// What a caller heard.
#[derive(Debug, Default)]
struct Heard {
    uuid: String,
    /// The rates of audio that is not silence.
    sound: BTreeSet<SampleRate>,
    silence: BTreeSet<SampleRate>,
}

struct HeardTap(Arc<Mutex<Heard>>);

impl CallTap for HeardTap {
    fn received(&mut self, audio: Audio<'_>, _: Instant) {
        let mut heard = self.0.lock().unwrap();
        let is_silence = audio.payload().iter().all(|byte| *byte == 0);
        match is_silence {
            true => heard.silence.insert(audio.rate()),
            false => heard.sound.insert(audio.rate()),
        };
    }
}

/// The beginning of the speech.
fn speech(rate: SampleRate, time: Duration) -> Vec<i16> {
    let mut file = AudioReader::open(SPEECH).unwrap();
    let mut samples = file.read_all(rate, 10 * SECOND).unwrap();
    samples.truncate(rate.samples_in(time) as usize);
    samples
}

/// Starts `audiosocket serve` with these arguments.
fn server(args: &[&str]) -> ServeProcess {
    let mut command = audiosocket(["serve"].into_iter().chain(args.iter().copied()));
    let path = std::env::var("PATH").unwrap();
    let stand_ins = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stand-ins");
    command.env("PATH", format!("{stand_ins}:{path}"));
    ServeProcess::run(command, 1)
}

/// A call that has ended.
struct EndedCall {
    caller: Caller,
    report: Report,
    heard: Heard,
}

impl EndedCall {
    /// What went wrong in a call to any server.
    fn fault(&self) -> Option<String> {
        let Self { report, heard, .. } = self;
        // The release kept all audio.
        let fine = report.ok && report.frames.discarded == 0;
        (!fine).then(|| format!("{report:?} {heard:?}"))
    }

    /// What went wrong in a call to a server that answers. The caller has to get audio in its rate, if the release allows it.
    fn fault_of_answer(&self) -> Option<String> {
        let Heard { sound, silence, .. } = &self.heard;
        let rate = self.caller.answer_rate();
        // Before the first audio of the caller, the server sends silence that every release takes.
        let narrow = [SampleRate::Hz8000, rate].into();
        let fine = *sound == [rate].into() && silence.is_subset(&narrow);
        let wrong = (!fine).then(|| format!("sound {sound:?}, silence {silence:?}"));
        self.fault().or(wrong)
    }
}

/// Places the calls of all `callers` at the same time.
fn call(
    addr: SocketAddr,
    callers: Vec<Caller>,
    mode: impl Fn(Caller, LoadTest) -> LoadTest,
) -> Vec<EndedCall> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let local = tokio::task::LocalSet::new();
    let place = |caller: Caller| {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let tapped = Arc::clone(&heard);
        let test = mode(caller, caller.test(addr)).tap(move |uuid| {
            tapped.lock().unwrap().uuid = uuid.to_string();
            HeardTap(Arc::clone(&tapped))
        });
        (caller, heard, local.spawn_local(test.run()))
    };
    let calls: Vec<_> = callers.into_iter().map(place).collect();
    local.block_on(&runtime, async {
        let mut ended = Vec::new();
        for (caller, heard, call) in calls {
            let report = call.await.unwrap().unwrap();
            let heard = std::mem::take(&mut *heard.lock().unwrap());
            ended.push(EndedCall {
                caller,
                report,
                heard,
            });
        }
        ended
    })
}

/// Asserts that `audiosocket serve` with these arguments serves all callers. `fault` is what went wrong in a call, after the
/// end of the server.
fn assert_served(
    args: &[&str],
    callers: Vec<Caller>,
    mode: impl Fn(Caller, LoadTest) -> LoadTest,
    fault: impl Fn(&EndedCall) -> Option<String>,
) {
    let server = server(args);
    let calls = call(server.addr(), callers, mode);
    server.terminate();
    let faults = calls.iter().filter_map(|call| {
        let fault = fault(call)?;
        Some(format!("{:?}: {fault}", call.caller))
    });
    let faults: Vec<_> = faults.collect();
    assert!(faults.is_empty(), "{args:?}: {}", faults.join("\n"));
}

#[test]
fn each_release_gets_an_echo() {
    let late = Duration::from_secs(60);
    let echoed = |caller: Caller, test: LoadTest| {
        match caller.is_wide_under_0x10() {
            // The echo has another rate than the caller's audio.
            true => caller.speaks(test),
            false => test.duration(SECOND).linger(late),
        }
    };
    let callers = Caller::all(false);
    assert_served(&["echo"], callers, echoed, EndedCall::fault_of_answer);
}

#[test]
fn each_release_is_recorded_at_its_rate_and_in_full() {
    let directory = TempDir::new().unwrap();
    let record = ["record", directory.path().to_str().unwrap()];
    let spoken = |caller: Caller| speech(caller.rate.unwrap(), 3 * SECOND);
    let speaks = |caller, test: LoadTest| {
        test.scenario(Scenario::new("speak").say(spoken(caller)).hang_up())
    };
    assert_served(&record, Caller::all(false), speaks, |call| {
        call.fault().or_else(|| {
            let files = files(directory.path()).into_iter();
            let files = files.filter(|file| name(file).contains(&call.heard.uuid));
            let files: Vec<_> = files.map(|file| finished(&file)).collect();
            fault_of_recordings(&files, call, spoken(call.caller))
        })
    });
}

/// Returns what is wrong with the recordings of a call, each a rate and samples.
fn fault_of_recordings(
    files: &[(u32, Vec<i16>)],
    call: &EndedCall,
    mut spoken: Vec<i16>,
) -> Option<String> {
    let rate = call.caller.rate.unwrap();
    let [(recorded_rate, recorded)] = files else {
        return Some(format!("{} files", files.len()));
    };
    let length = rate.duration_of(recorded.len() as u64);
    let longest = Duration::from_secs_f64(call.report.seconds) + SECOND / 2;
    // A pause of a busy machine is recorded as silence.
    let sound = recorded.iter().copied().filter(|sample| *sample != 0);
    spoken.retain(|sample| *sample != 0);
    let fine =
        *recorded_rate == rate.hz() && (3 * SECOND..=longest).contains(&length) && sound.eq(spoken);
    (!fine).then(|| format!("{recorded_rate} Hz, {length:?} of at most {longest:?}"))
}

#[test]
fn callers_of_each_release_hear_a_file_and_then_a_hangup() {
    let directory = TempDir::new().unwrap();
    // A default rate that is that of the file is wrong for all callers.
    let wide = speech(SampleRate::Hz48000, 2 * SECOND);
    let file = wav_file(&directory, 48_000, 1, &wide);
    let play = ["play", file.to_str().unwrap()];
    let listens = |caller: Caller, test| caller.speaks(test).duration(60 * SECOND);
    let callers = Caller::all(true);
    assert_served(&play, callers, listens, |call| {
        let hung_up = call.report.hangups.server == 1;
        let missing = (!hung_up).then(|| "no hangup of the server".to_owned());
        call.fault_of_answer().or(missing)
    });
}

#[test]
fn callers_of_each_release_hear_the_bot() {
    // A busy machine may need seconds for the speech of the bot.
    let listens = |caller: Caller, test: LoadTest| {
        let scenario = Scenario::new("listen");
        let scenario = match caller.rate {
            Some(rate) => scenario.start_saying(speech(rate, SECOND)),
            None => scenario.cue(Cue::Hold(60 * SECOND)),
        };
        let heard = Expectation::audio(60 * SECOND).lasting(SECOND / 2);
        test.scenario(scenario.expect(heard).hang_up())
    };
    let callers = Caller::all(true);
    assert_served(&["bot"], callers, listens, EndedCall::fault_of_answer);
}
