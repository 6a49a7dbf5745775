//! The server falls silent when the caller speaks.

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

/// What a caller says, in packets.
const QUIET_PACKETS: usize = 75;
const LOUD_PACKETS: usize = 75;

/// Much longer than it may take, and much shorter than the caller goes on.
const BOUND: Duration = Duration::from_secs(1);

/// The same in the median, which asks nothing of the machine: speech goes on for the frame that is on its
/// way, and for what Asterisk and the telephone hold, a packet each; not for anything that was queued.
const MEDIAN: Duration = Duration::from_millis(100);

/// Telephones that are quiet for a second and a half and then loud for as long, half of them by the
/// application and half by `Dial`, listen to something that has no pause.
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
        "speech went on for {median:?} in the median"
    );
    let stopped = from_caller.iter().filter(|late| **late < BOUND).count();
    assert_eq!(stopped, CALLS as usize, "calls in which speech ended");
    asterisk.wait_until_idle();
    asterisk.assert_no_complaints(&[CALLER_HUNG_UP, ECHO_CAME_LATE]);
}

/// Places all calls at once.
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
            // Where in the server's 20 ms a caller begins shall not be the same for all.
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

/// When the last packet with something in it had been played. There was something in them until the
/// caller spoke, and silence at last.
fn end_of_speech(conversation: &Conversation) -> Instant {
    let interruption = conversation.said[QUIET_PACKETS];
    // Asterisk may make a zero that is the least negative number.
    let is_silent = |audio: &[u8]| audio.iter().all(|byte| byte | 0x80 == QUIET);
    let heard = &conversation.heard;
    let before = heard.iter().take_while(|(at, _)| *at < interruption);
    let spoken = before.filter(|(_, audio)| !is_silent(audio)).count();
    assert!(
        spoken >= QUIET_PACKETS * 3 / 4,
        "only {spoken} packets of speech before the interruption"
    );
    let (last, _) = heard.last().expect("something was heard");
    let (spoken, _) = heard
        .iter()
        .rfind(|(_, audio)| !is_silent(audio))
        .expect("speech");
    assert!(*last > interruption + BOUND, "not even silence is heard");
    *spoken + PTIME
}

/// When the first loud frame of a caller reached the server.
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

/// For whoever asks how long it took, with `--nocapture`; gives the median.
fn report(what: &str, times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    let [median, max] = [times.len() / 2, times.len() - 1].map(|n| times[n]);
    println!("speech went on after {what}: p50 {median:.1?}, max {max:.1?}");
    median
}
