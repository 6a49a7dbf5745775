//! Many telephones, at the same time and one after the other.

use std::collections::BTreeMap;

use audiosocket_interop::asterisk::{Asterisk, CALLER_HUNG_UP, ECHO_CAME_LATE};
use audiosocket_interop::audio::Noise;
use audiosocket_interop::program::{EndedCall, Server};
use audiosocket_interop::sip::{Codec, Phones};
use audiosocket_interop::wait_for;
use uuid::Uuid;

const SECOND: usize = 8000;

#[test]
fn fifty_telephones_are_echoed_for_ten_seconds() {
    const CALLS: u32 = 50;
    const FRAMES: u64 = 10 * 50;
    until_sipp_keeps_up(|| {
        let asterisk = Asterisk::take();
        let server = Server::echo();
        // Longer than the checked time, because a telephone that starts late hangs up on time.
        let speech = Noise::new(50).bytes(15 * SECOND);
        let extension = format!("apps-{:05}", server.port());
        let phones = Phones::dial(CALLS, CALLS, &extension, Codec::Alaw, &speech);
        wait_for("all telephones to be in a call at the same time", || {
            let count = format!("{CALLS} active channels");
            asterisk
                .rx("core show channels count")
                .contains(&count)
                .then_some(())
        });
        let calls = calls(&asterisk, &server, phones, CALLS);
        if calls.iter().any(|(_, rtp)| rtp.from_caller < FRAMES) {
            return false;
        }
        for (call, rtp) in &calls {
            call.assert_lossless();
            assert!(call.frames_in >= FRAMES, "{call:?}, {rtp:?}");
            assert!(rtp.to_caller >= FRAMES, "{call:?}, {rtp:?}");
        }
        true
    });
}

/// Asterisk can wait for audio from the server while an echo server waits for audio from Asterisk. Then
/// the call is silent in both directions: one call of nine in the report (asterisk/asterisk#2089). So a
/// server sends silence from the UUID on.
#[test]
fn none_of_a_hundred_dials_in_a_row_is_silent() {
    const CALLS: u32 = 100;
    const AT_ONCE: u32 = 20;
    /// Packets in two seconds. A call may lose half of them at its start and end.
    const SAID: u64 = 2 * 50;
    until_sipp_keeps_up(|| {
        let asterisk = Asterisk::take();
        let server = Server::echo();
        let speech = Noise::new(2089).bytes(2 * SECOND);
        let extension = format!("dials-{:05}", server.port());
        let phones = Phones::dial(CALLS, AT_ONCE, &extension, Codec::Alaw, &speech);
        let calls = calls(&asterisk, &server, phones, CALLS);
        report(&calls);
        if calls.iter().any(|(_, rtp)| rtp.from_caller < SAID * 3 / 4) {
            return false;
        }
        for (call, rtp) in &calls {
            call.assert_lossless();
            assert!(call.frames_in >= SAID / 2, "{call:?}, {rtp:?}");
            // The telephone gets our silence and its echo.
            assert!(
                rtp.to_caller >= call.silence + SAID / 2,
                "{call:?}, {rtp:?}"
            );
        }
        true
    });
}

/// Repeats the attempt up to three times, because SIPp falls behind on a busy machine.
fn until_sipp_keeps_up(attempt: impl FnMut() -> bool) {
    let kept_up = std::iter::repeat_with(attempt)
        .take(3)
        .any(|kept_up| kept_up);
    assert!(
        kept_up,
        "SIPp did not keep up with real time in three attempts"
    );
}

/// The RTP packets of a telephone, counted by Asterisk.
#[derive(Clone, Copy, Debug)]
struct Rtp {
    from_caller: u64,
    to_caller: u64,
}

/// Waits until all calls have ended, and returns them. Fails if a call failed.
fn calls(
    asterisk: &Asterisk,
    server: &Server,
    phones: Phones,
    count: u32,
) -> Vec<(EndedCall, Rtp)> {
    let outcome = phones.wait();
    assert_eq!(
        (outcome.successful, outcome.failed),
        (u64::from(count), 0),
        "SIPp's calls"
    );
    let served = wait_for("the server to log all ends", || {
        Some(server.ended_calls()).filter(|calls| calls.len() >= count as usize)
    });
    asterisk.wait_until_idle();
    let mut placed = rtp(&asterisk.log());
    assert_eq!(
        (placed.len(), served.len()),
        (count as usize, count as usize)
    );
    let calls = served.into_iter().map(|call| {
        let rtp = placed.remove(&call.uuid);
        (call, rtp.expect("Asterisk placed the call"))
    });
    let calls = calls.collect();
    asterisk.assert_no_complaints(&[CALLER_HUNG_UP, ECHO_CAME_LATE]);
    calls
}

/// The RTP counts of each call, from the log of the dialplan.
fn rtp(log: &str) -> BTreeMap<Uuid, Rtp> {
    let mut calls = BTreeMap::new();
    for line in log.lines().filter(|line| line.contains("] NOTICE[")) {
        let Some((_, counts)) = line.split_once("rtp of ") else {
            continue;
        };
        let words: Vec<_> = counts.split_whitespace().collect();
        let [uuid, "from", "caller", from, "to", "caller", to] = words[..] else {
            panic!("the dialplan logged another text: {line}");
        };
        let rtp = Rtp {
            from_caller: from.parse().expect("a count"),
            to_caller: to.parse().expect("a count"),
        };
        calls.insert(uuid.parse().expect("a UUID"), rtp);
    }
    calls
}

/// Prints the figures, for `--nocapture`.
fn report(calls: &[(EndedCall, Rtp)]) {
    let figures = |name, figure: fn(&(EndedCall, Rtp)) -> u64| {
        let mut figures: Vec<_> = calls.iter().map(figure).collect();
        figures.sort_unstable();
        let [min, median, max] = [0, figures.len() / 2, figures.len() - 1].map(|n| figures[n]);
        println!("{name}: min {min}, median {median}, max {max}");
    };
    let silent = calls.iter().filter(|(call, _)| call.frames_in == 0).count();
    println!("{} calls, {silent} of them silent", calls.len());
    figures("RTP packets from a caller", |(_, rtp)| rtp.from_caller);
    figures("frames to the server", |(call, _)| call.frames_in);
    figures("frames from the server", |(call, _)| call.frames_out);
    figures("frames of silence from the server", |(call, _)| {
        call.silence
    });
    figures("RTP packets to a caller", |(_, rtp)| rtp.to_caller);
}
