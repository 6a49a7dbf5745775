//! Either side ends the call.

use std::collections::BTreeMap;

use audiosocket_interop::asterisk::{Asterisk, CALLER_HUNG_UP, ECHO_CAME_LATE};
use audiosocket_interop::program::{Callers, Server};
use audiosocket_interop::recorder::{Answer, Recorder};
use audiosocket_interop::wait_for;
use audiosocket_interop::wire::{AUDIO, Clock, HANGUP, Listener};
use audiosocket_testing::transcript::{Entry, Record};
use uuid::Uuid;

use crate::{app, dial};

/// After SIGTERM the server hangs up. Asterisk logs no warning, and the dialplan goes on to its next
/// line.
#[test]
fn dialplan_goes_on_after_a_stopping_server_hung_up() {
    let asterisk = Asterisk::take();
    let mut server = Server::echo();
    let calls = call_both_ways(&asterisk, server.port(), "tone");
    for uuid in calls {
        server.wait_for_call(uuid);
    }
    assert!(server.terminate().success(), "the server's exit status");
    dialplan_goes_on(&asterisk, &calls);
}

/// 50 calls from Asterisk and 450 from `audiosocket call`. After SIGTERM the calls go on, and each ended
/// call releases its resources. At the second SIGTERM the server hangs up the other calls. No call
/// fails, and Asterisk logs no warning.
#[test]
fn five_hundred_calls_are_hung_up_by_a_stopping_server() {
    const LEAVE: usize = 100;
    const STAY: usize = 350;
    const TOGETHER: usize = LEAVE + STAY + 50;
    let asterisk = Asterisk::take();
    let mut server = Server::echo_with(&["--drain", "1h"]);
    let idle = server.resources();
    let leaving = Callers::call(&server, LEAVE);
    let staying = Callers::call(&server, STAY);
    let calls: Vec<_> = (0..25)
        .flat_map(|_| call_both_ways(&asterisk, server.port(), "tone"))
        .collect();
    let logged = |server: &Server, what: &str| {
        let log = server.log();
        log.iter().filter(|line| line.contains(what)).count()
    };
    wait_for("all calls to start", || {
        (logged(&server, "call started") == TOGETHER).then_some(())
    });
    let full = server.resources();
    assert!(full.0 >= idle.0 + TOGETHER, "{idle:?} {full:?}");

    server.signal();
    wait_for("the server to log its shutdown", || {
        (logged(&server, "shutting down") == 1).then_some(())
    });
    leaving.hang_up();
    wait_for("the server to release descriptors and threads", || {
        let (descriptors, threads) = server.resources();
        let threads_of_calls = full.1 > TOGETHER;
        (descriptors + LEAVE <= full.0 && (!threads_of_calls || threads + LEAVE <= full.1))
            .then_some(())
    });
    assert_eq!(logged(&server, "call ended"), LEAVE);

    assert!(server.terminate().success(), "the server's exit status");
    dialplan_goes_on(&asterisk, &calls);
    assert_eq!(leaving.report()["hangups"]["caller"], LEAVE);
    let report = staying.report();
    assert_eq!(report["hangups"]["server"], STAY, "{report}");
    assert_eq!(cut_off(&report), 0, "{report}");
    let completed = report["calls"]["completed"].as_u64().expect("a number");
    assert!(completed >= STAY as u64 * 9 / 10, "{report}");
    let ended = server.ended_calls();
    let not_echoed = ended.iter().filter(|call| call.frames_out == call.silence);
    let not_echoed = not_echoed.count() as u64;
    assert!(
        completed + not_echoed >= STAY as u64,
        "{not_echoed}: {report}"
    );
    let hung_up = logged(&server, "end=hung up by shutdown");
    assert_eq!(hung_up, TOGETHER - LEAVE);
    let wrong = |line: &&String| {
        // A thread that waits for its core seems to block.
        let blocks = line.contains("a handler ");
        (line.contains(" WARN ") || line.contains(" ERROR ")) && !blocks
    };
    assert_eq!(server.log().iter().find(wrong), None);
}

/// The number of failed calls, without those that started too late for an echo.
fn cut_off(report: &serde_json::Value) -> u64 {
    let failures = report["failures"].as_array().expect("the failures");
    failures
        .iter()
        .filter(|failure| failure["reason"] != "nothing but silence came")
        .map(|failure| failure["calls"].as_u64().expect("a number"))
        .sum()
}

#[test]
fn dialplan_goes_on_after_a_callback_hung_up() {
    const FRAMES: usize = 25;
    let asterisk = Asterisk::take();
    let server = Recorder::start(Answer::HangUpAt(FRAMES));
    let calls = call_both_ways(&asterisk, server.port(), "tone");
    dialplan_goes_on(&asterisk, &calls);
    let records = by_call(server.finish(calls.len()));
    assert_eq!(records.len(), calls.len());
    for uuid in calls {
        let records = &records[&uuid];
        assert_eq!(records.len(), FRAMES + 1, "records: the audio and the end");
        assert_eq!(ends(records), (1, true, 0));
    }
}

#[test]
fn a_hangup_of_the_caller_is_one_end_and_no_exception() {
    let asterisk = Asterisk::take();
    let server = Recorder::start(Answer::Echo);
    let mut calls = Vec::new();
    for _ in 0..20 {
        calls.extend(call_both_ways(&asterisk, server.port(), "brief"));
    }
    each_ended_once(server, &calls);
    asterisk.wait_until_idle();
    asterisk.assert_no_complaints(&[CALLER_HUNG_UP, ECHO_CAME_LATE]);
}

/// Asterisk closes a connection while our audio is on its way, so the kernel resets it. The callbacks
/// must not get an exception. The caller hangs up right after a burst. In about one of three such calls
/// the server gets a reset when it reads, and in one of three when it writes.
#[test]
fn a_hangup_amid_audio_is_one_end_and_no_exception() {
    let asterisk = Asterisk::take();
    let listener = Listener::bind();
    let server = Recorder::start(Answer::Echo);
    let burst: Vec<_> = (0..50)
        .map(|_| (AUDIO, vec![0; 320]))
        .chain([(HANGUP, vec![])])
        .collect();
    let mut calls = Vec::new();
    for _ in 0..25 {
        let [caller, callee] = [Uuid::new_v4(), Uuid::new_v4()];
        let channel = format!("AudioSocket/127.0.0.1:{}/{caller}/c(slin)", listener.port());
        asterisk.call(&channel, &dial(callee, server.port(), "slin"));
        let mut leg = listener.accept(caller);
        let mut clock = Clock::new();
        wait_for("the first audio to arrive", || {
            clock.tick();
            leg.write(AUDIO, &[0; 320]);
            (!server.records(callee).is_empty()).then_some(())
        });
        leg.write_at_once(&burst);
        // If the caller closed with unread echoes, it would send the reset.
        while leg.read().is_some() {}
        calls.push(callee);
    }
    each_ended_once(server, &calls);
    asterisk.wait_until_idle();
    asterisk.assert_no_complaints(&[]);
}

/// Checks that each call has audio, then one end, and no other record.
fn each_ended_once(server: Recorder, calls: &[Uuid]) {
    let records = by_call(server.finish(calls.len()));
    assert_eq!(records.len(), calls.len(), "calls with records");
    for uuid in calls {
        let records = &records[uuid];
        assert!(records.len() > 1, "{uuid} had no audio: {records:?}");
        let is_audio = |record: &&Record| matches!(record, Record::Audio(..));
        let other: Vec<_> = records.iter().filter(|record| !is_audio(record)).collect();
        let ends = ends(records);
        assert_eq!(
            ends,
            (1, true, 0),
            "(ends, end is last, exceptions) of {uuid}: {other:?}"
        );
    }
}

/// One call by `AudioSocket()` and one by `Dial()`.
fn call_both_ways(asterisk: &Asterisk, port: u16, caller: &str) -> [Uuid; 2] {
    let calls @ [by_app, by_dial] = [Uuid::new_v4(), Uuid::new_v4()];
    for extension in [app(by_app, port), dial(by_dial, port, "slin")] {
        asterisk.call(&format!("Local/{extension}"), &format!("{caller}@caller"));
    }
    calls
}

fn dialplan_goes_on(asterisk: &Asterisk, calls: &[Uuid]) {
    for uuid in calls {
        asterisk.wait_for_log(&format!(": the dialplan goes on after {uuid}"));
    }
    asterisk.wait_until_idle();
    asterisk.assert_no_complaints(&[]);
}

/// The records of each call. A record of no call fails.
fn by_call(entries: Vec<Entry>) -> BTreeMap<Uuid, Vec<Record>> {
    let mut calls = BTreeMap::<_, Vec<_>>::new();
    for entry in entries {
        let call = entry.uuid.unwrap_or_else(|| panic!("{entry} of no call"));
        calls.entry(call).or_default().push(entry.record);
    }
    calls
}

/// The number of ends of a call, whether the last record is an end, and the number of exceptions.
fn ends(records: &[Record]) -> (usize, bool, usize) {
    let is_end = |record: &Record| matches!(record, Record::End(_));
    let is_exception = |record: &&Record| matches!(record, Record::Exception(_));
    (
        records.iter().filter(|record| is_end(record)).count(),
        records.last().is_some_and(is_end),
        records.iter().filter(is_exception).count(),
    )
}
