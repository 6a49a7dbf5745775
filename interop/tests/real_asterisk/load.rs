//! Many telephones at once.

use std::collections::BTreeSet;

use audiosocket_interop::asterisk::{Asterisk, CALLER_HUNG_UP, ECHO_CAME_LATE};
use audiosocket_interop::audio::Noise;
use audiosocket_interop::program::{EchoServer, EndedCall};
use audiosocket_interop::sip::{Codec, Phones};
use audiosocket_interop::wait_for;
use uuid::Uuid;

const CALLS: u32 = 50;
const SECOND: usize = 8000;
const FRAMES: u64 = 10 * 50;

#[test]
fn fifty_telephones_are_echoed_for_ten_seconds() {
    // On a busy machine it is SIPp that falls behind first, which says nothing of the server.
    let kept_up = (0..3).any(|_| fifty_telephones_call());
    assert!(
        kept_up,
        "in none of three attempts did SIPp keep up with real time"
    );
}

/// Fifty calls at once, and whether all telephones said ten seconds of audio.
fn fifty_telephones_call() -> bool {
    let asterisk = Asterisk::take();
    let server = EchoServer::start();
    // Half as long again as must arrive, for a telephone that starts late hangs up in time.
    let speech = Noise::new(50).bytes(15 * SECOND);
    let phones = Phones::dial(
        CALLS,
        &format!("load-{:05}", server.port()),
        Codec::Alaw,
        &speech,
    );
    wait_for("all telephones to be in a call at once", || {
        let count = format!("{CALLS} active channels");
        asterisk
            .rx("core show channels count")
            .contains(&count)
            .then_some(())
    });
    let outcome = phones.wait();
    assert_eq!(
        (outcome.successful, outcome.failed),
        (u64::from(CALLS), 0),
        "SIPp's calls"
    );

    let calls = wait_for("the server to log all ends", || {
        Some(server.ended_calls()).filter(|calls| calls.len() >= CALLS as usize)
    });
    asterisk.wait_until_idle();
    let log = asterisk.log();
    let served: BTreeSet<_> = calls.iter().map(|call| call.uuid).collect();
    assert_eq!(
        served,
        called(&log),
        "the calls that Asterisk placed and those that the server had"
    );
    calls.iter().for_each(EndedCall::assert_lossless);
    let packets = rtp_packets(&log);
    assert_eq!(packets.len(), CALLS as usize);
    if packets.iter().any(|(from_caller, _)| *from_caller < FRAMES) {
        return false;
    }
    for call in &calls {
        assert!(call.frames_in >= FRAMES, "{call:?}");
    }
    for (_, to_caller) in &packets {
        assert!(
            *to_caller >= FRAMES,
            "a telephone heard only {to_caller} packets"
        );
    }
    asterisk.assert_no_complaints(&[CALLER_HUNG_UP, ECHO_CAME_LATE]);
    true
}

/// The UUIDs that the log shows the application called with.
fn called(log: &str) -> BTreeSet<Uuid> {
    log.lines()
        .filter_map(|line| {
            line.split_once(" AudioSocket(\"PJSIP/")?
                .1
                .split_once(", \"")?
                .1
                .get(..36)?
                .parse()
                .ok()
        })
        .collect()
}

/// RTP packets from and to each telephone, as the dialplan logs them.
fn rtp_packets(log: &str) -> Vec<(u64, u64)> {
    log.lines()
        .filter(|line| line.contains("] NOTICE["))
        .filter_map(|line| {
            line.split_once("rtp from caller ")?
                .1
                .split_once(" to caller ")
        })
        .map(|(from, to)| (from.parse().expect("a count"), to.parse().expect("a count")))
        .collect()
}
