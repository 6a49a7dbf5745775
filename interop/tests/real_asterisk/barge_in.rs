//! The server stops its speech when the caller speaks.

use std::time::{Duration, Instant};

use audiosocket_interop::asterisk::{Asterisk, CALLER_HUNG_UP, ECHO_CAME_LATE};
use audiosocket_interop::audio::{Noise, samples, write_wav};
use audiosocket_interop::program::Server;
use audiosocket_interop::rtp::{Conversation, PTIME, Telephone};
use audiosocket_interop::sip::{Codec, Phones};
use audiosocket_interop::tap::Tap;
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

/// The bound for the median. Speech continues for one frame on its way, and for one packet each in
/// Asterisk and the telephone. Queued audio must not be heard.
const MEDIAN: Duration = Duration::from_millis(100);

/// Telephones are quiet for 1.5 s and then loud for 1.5 s, while the server plays noise without a pause.
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

/// Places all calls at the same time.
fn interrupt(tap: &Tap) -> Vec<(Uuid, Conversation)> {
    let calls: Vec<_> = (0..CALLS)
        .map(|number| (number, Uuid::new_v4(), Telephone::new(Codec::Alaw)))
        .collect();
    let lines = calls.iter().map(|(number, uuid, telephone)| {
        let extension = match number % 2 {
            0 => app_extension(*uuid, tap.port()),
            _ => dial_extension(*uuid, tap.port(), "slin"),
        };
        (extension, telephone.port())
    });
    let phones = Phones::ring(&lines.collect::<Vec<_>>(), Codec::Alaw, 5000);
    let quiet = vec![QUIET; QUIET_PACKETS * 160];
    let loud = Noise::new(4).bytes(LOUD_PACKETS * 160);
    let said = &[quiet, loud].concat();
    let conversations = std::thread::scope(|scope| {
        let talks = calls.into_iter().map(|(number, uuid, telephone)| {
            // The callers start at different times of the server's 20 ms.
            let delay = PTIME * number / CALLS;
            (uuid, scope.spawn(move || telephone.talk(delay, said)))
        });
        let talks: Vec<_> = talks.collect();
        let talks = talks.into_iter();
        talks
            .map(|(uuid, talk)| (uuid, talk.join().expect("a conversation")))
            .collect()
    });
    let outcome = phones.wait();
    assert_eq!((outcome.successful, outcome.failed), (u64::from(CALLS), 0));
    conversations
}

/// The time at which the last packet with speech had been played. Checks that there was speech before the
/// interruption, and silence at the end.
fn end_of_speech(conversation: &Conversation) -> Instant {
    let interruption = conversation.said[QUIET_PACKETS];
    // Asterisk may send zero as the smallest negative number.
    let is_silent = |audio: &[u8]| audio.iter().all(|byte| byte | 0x80 == QUIET);
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
