//! The server stops its speech when the caller speaks, and only then.

use std::time::{Duration, Instant};

use audiosocket_interop::asterisk::{Asterisk, CALLER_HUNG_UP, ECHO_CAME_LATE};
use audiosocket_interop::audio::{Noise, samples, write_wav};
use audiosocket_interop::program::Server;
use audiosocket_interop::rtp::{Conversation, PTIME, Telephone};
use audiosocket_interop::sip::{Codec, Phones};
use audiosocket_interop::tap::Tap;
use audiosocket_media::file::AudioReader;
use audiosocket_media::{Law, SampleRate};
use audiosocket_testing::sounds::{LineEcho, cough, door_slam};
use uuid::Uuid;

use crate::{app_extension, dial_extension};

const CALLS: u32 = 20;
const SECOND: usize = 8000;

/// Zero in A-law.
const QUIET: u8 = 0xd5;

/// The packets of a caller.
const QUIET_PACKETS: usize = 75;
const LOUD_PACKETS: usize = 75;

/// The bound for one call. The caller speaks longer than this.
const BOUND: Duration = Duration::from_secs(1);

/// The bound for the median. The server decides after some hundred milliseconds of speech. Then its own speech
/// continues for one frame on its way, and for one packet each in Asterisk and the telephone. Queued audio must
/// not be heard.
const MEDIAN: Duration = Duration::from_millis(500);

/// The words of three callers.
const CALLERS: [&str; 3] = [
    "callers/espeak.en-gb+m7.003.wav",
    "callers/espeak.en-us+f3.005.wav",
    "callers/flite.awb.005.wav",
];

/// Telephones are quiet for 1.5 s and then speak for 1.5 s, while the server plays noise without a pause.
/// Half of them call the application, and half use `Dial`.
#[test]
fn speech_ends_when_the_caller_speaks() {
    let asterisk = Asterisk::take();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("speech.wav");
    write_wav(&file, 8000, &samples(&Noise::new(3).bytes(3 * SECOND * 2)));
    let server = Server::play(&["--loop", "--barge-in"], &file);
    let tap = Tap::before(server.port());

    let mut from_caller = Vec::new();
    let mut from_server = Vec::new();
    for (uuid, conversation) in interrupt(&tap) {
        let end = server.wait_for_end(uuid);
        assert_eq!((end.dropped, end.exceptions), (0, 0), "{end:?}");
        let end_of_speech = end_of_speech(&conversation);
        let since = |begin| end_of_speech.saturating_duration_since(begin);
        from_caller.push(since(conversation.said[QUIET_PACKETS]));
        from_server.push(since(first_loud(&tap, uuid)));
    }
    let median = report("the caller's first loud packet was sent", &mut from_caller);
    report("the first loud frame reached the server", &mut from_server);
    assert!(
        median <= MEDIAN,
        "the speech continued for {median:?} in the median"
    );
    let stopped = from_caller.iter().filter(|late| **late < BOUND).count();
    assert_eq!(
        stopped, CALLS as usize,
        "calls in which the speech ended in time"
    );
    asterisk.wait_until_idle();
    asterisk.assert_no_complaints(&[CALLER_HUNG_UP, ECHO_CAME_LATE]);
}

fn interrupt(tap: &Tap) -> Vec<(Uuid, Conversation)> {
    let voices = CALLERS.map(|name| alaw(&speech(name)));
    place(tap.port(), CALLS, 5000, |number, telephone| {
        // The callers start at different times of the server's 20 ms.
        let delay = PTIME * number / CALLS;
        let voice = &voices[number as usize % voices.len()];
        let mut said = vec![QUIET; QUIET_PACKETS * 160];
        said.extend(voice.iter().cycle().take(LOUD_PACKETS * 160));
        telephone.talk(delay, &said)
    })
}

/// Telephones send sounds while the server plays speech: a door, a cough, hiss at -45 dB of full scale, and the echo
/// of the speech at -25 dB after 150 ms. Each sound comes to the application and by `Dial`.
#[test]
fn noise_and_the_echo_of_the_speech_do_not_end_it() {
    const PACKETS: usize = 250;
    let asterisk = Asterisk::take();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("speech.wav");
    write_wav(&file, 8000, &speech("auth-incorrect.wav"));
    let server = Server::play(&["--loop", "--barge-in"], &file);
    let rate = SampleRate::Hz8000;
    let hiss = samples(&Noise::new(5).bytes(PACKETS * 320));
    let hiss: Vec<_> = hiss.iter().map(|sample| sample / 100).collect();
    let sounds = [door_slam(rate), cough(rate), hiss].map(|sound| alaw(&sound));
    let calls = place(server.port(), 8, 6000, |number, telephone| {
        // Neighbours use another way, and so do the second four.
        let Some(sound) = sounds.get((number as usize + number as usize / 4) % 4) else {
            // 60 ms in the telephone's jitter buffer, and 90 ms on the line.
            let mut echo = LineEcho::new(rate, Duration::from_millis(90), -25.0);
            let mut ticks = 0..PACKETS;
            return telephone.converse(Duration::ZERO, |conversation| {
                let tick = ticks.next()?;
                let heard = tick
                    .checked_sub(3)
                    .and_then(|at| conversation.heard.get(at));
                let mut played = Vec::new();
                let silence = vec![QUIET; 160];
                Law::A.decode(heard.map_or(&silence, |(_, audio)| audio), &mut played);
                Some(alaw(&echo.push(&played)))
            });
        };
        let mut said = [&vec![QUIET; 8000][..], sound].concat();
        said.resize(PACKETS * 160, QUIET);
        telephone.talk(Duration::ZERO, &said)
    });
    for (uuid, conversation) in calls {
        let end = server.wait_for_end(uuid);
        assert_eq!((end.dropped, end.exceptions), (0, 0), "{end:?}");
        let last = &conversation.heard[conversation.heard.len() - 50..];
        let spoken = last.iter().filter(|(_, audio)| !is_silent(audio)).count();
        assert!(spoken > 25, "{spoken} of the last 50 packets have speech");
    }
    let log = server.log();
    let interrupted = log.iter().find(|line| line.contains("interrupted"));
    assert_eq!(interrupted, None);
    asterisk.wait_until_idle();
    asterisk.assert_no_complaints(&[CALLER_HUNG_UP, ECHO_CAME_LATE]);
}

/// Returns speech of the tests of `audiosocket-media`, at 8 kHz.
fn speech(name: &str) -> Vec<i16> {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../audiosocket-media/tests/speech/"
    );
    let file = AudioReader::open(format!("{folder}{name}"));
    let speech =
        file.and_then(|mut file| file.read_all(SampleRate::Hz8000, Duration::from_secs(10)));
    speech.expect("speech")
}

fn alaw(samples: &[i16]) -> Vec<u8> {
    let codes = samples.iter().map(|sample| Law::A.encode_sample(*sample));
    codes.collect()
}

/// Places all calls at the same time, each for `milliseconds`, to a server on `port`. `talk` is the conversation of the
/// telephone with a number.
fn place(
    port: u16,
    calls: u32,
    milliseconds: usize,
    talk: impl Fn(u32, &Telephone) -> Conversation + Sync,
) -> Vec<(Uuid, Conversation)> {
    let callers: Vec<_> = (0..calls)
        .map(|number| (number, Uuid::new_v4(), Telephone::new(Codec::Alaw)))
        .collect();
    let lines = callers.iter().map(|(number, uuid, telephone)| {
        let extension = match number % 2 {
            0 => app_extension(*uuid, port),
            _ => dial_extension(*uuid, port, "slin"),
        };
        (extension, telephone.port())
    });
    let phones = Phones::ring(&lines.collect::<Vec<_>>(), Codec::Alaw, milliseconds);
    let conversations = std::thread::scope(|scope| {
        let talk = &talk;
        let talks = callers.iter().map(|(number, uuid, telephone)| {
            (*uuid, scope.spawn(move || talk(*number, telephone)))
        });
        let talks: Vec<_> = talks.collect();
        let talks = talks.into_iter();
        talks
            .map(|(uuid, talk)| (uuid, talk.join().expect("a conversation")))
            .collect()
    });
    let outcome = phones.wait();
    assert_eq!((outcome.successful, outcome.failed), (u64::from(calls), 0));
    conversations
}

/// Whether a packet has no sound. Asterisk may send zero as the smallest negative number.
fn is_silent(audio: &[u8]) -> bool {
    audio.iter().all(|byte| byte | 0x80 == QUIET)
}

/// The time at which the last packet with speech had been played. Checks that there was speech before the
/// interruption, and silence at the end.
fn end_of_speech(conversation: &Conversation) -> Instant {
    let interruption = conversation.said[QUIET_PACKETS];
    let heard = &conversation.heard;
    let before = heard.iter().take_while(|(at, _)| *at < interruption);
    let spoken = before.filter(|(_, audio)| !is_silent(audio)).count();
    assert!(
        spoken >= QUIET_PACKETS * 3 / 4,
        "only {spoken} packets of speech came before the interruption"
    );
    let (last, _) = heard.last().expect("a packet");
    let (spoken, _) = heard
        .iter()
        .rfind(|(_, audio)| !is_silent(audio))
        .expect("speech");
    assert!(
        *last > interruption + BOUND,
        "no silence after the interruption"
    );
    *spoken + PTIME
}

/// The time at which the first loud frame of a caller reached the server.
fn first_loud(tap: &Tap, call: Uuid) -> Instant {
    const LOUD: u16 = 1000;
    let frames = tap.frames(call);
    let loud = frames.iter().find(|(_, (_, audio))| {
        samples(audio)
            .iter()
            .any(|sample| sample.unsigned_abs() > LOUD)
    });
    loud.expect("a loud frame").0
}

/// Prints the times, for `--nocapture`. Returns the median.
fn report(what: &str, times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    let [median, max] = [times.len() / 2, times.len() - 1].map(|n| times[n]);
    println!("the speech continued after {what}: p50 {median:.1?}, max {max:.1?}");
    median
}
