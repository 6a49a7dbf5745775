//! What a server reports: its open calls, its counters, its readiness and its last refusals.

use std::task::{Context, Waker};
use std::time::Duration;

use audiosocket_proto::{SampleRate, Timestamp};
use audiosocket_server::{LastEvent, LimitReached, Limits, Readiness, ServerAction, ServerDriver};

use crate::call::{HANGUP, uuid_frame};
use crate::recorder::{RecordingAcceptor, TestConnection};
use crate::wire::frame;

type Connection = TestConnection<RecordingAcceptor>;

fn server(limits: Limits) -> ServerDriver {
    ServerDriver::new(Duration::from_secs(1), limits)
}

fn call(server: &ServerDriver, acceptor: RecordingAcceptor) -> Connection {
    TestConnection::talking_among(server.handle().calls(), acceptor)
}

fn silent(server: &ServerDriver) -> Connection {
    let acceptor = RecordingAcceptor::new();
    TestConnection::among(server.handle().calls(), acceptor, |config| config)
}

#[test]
fn open_calls_are_listed_from_their_uuid_to_their_end_the_oldest_first() {
    let server = server(Limits::new());
    let mut second = silent(&server);
    let mut third = call(&server, RecordingAcceptor::new());
    let refused = call(&server, RecordingAcceptor::refusing("unknown"));
    let rates = || -> Vec<_> {
        let calls = server.handle().open_calls();
        calls.iter().map(|call| call.sample_rate()).collect()
    };
    third.receive(&frame(0x13, &[1; 4]));
    assert_eq!(rates(), [Some(SampleRate::Hz24000)]);
    second.receive(&uuid_frame());
    second.receive(&frame(0x12, &[1; 4]));
    assert_eq!(
        rates(),
        [Some(SampleRate::Hz16000), Some(SampleRate::Hz24000)]
    );
    second.receive(&HANGUP);
    assert_eq!(
        rates(),
        [Some(SampleRate::Hz24000)],
        "the other one lingers"
    );
    drop((third, refused));
    assert_eq!(rates(), []);
}

#[test]
fn each_call_counts_once_during_it_and_after_it() {
    let server = server(Limits::new());
    let stats = || server.handle().stats();
    let pending = silent(&server);
    let mut line = call(&server, RecordingAcceptor::echo());
    line.receive(&frame(0x10, &[1; 320]));
    line.receive(&frame(0x10, &[1; 320]));
    let audio = (SampleRate::Hz8000, vec![1; 1600]);
    line.driver.handle().try_play(audio).unwrap();
    line.driver.handle().clear();
    line.poll_commands();
    let during = stats();
    assert_eq!((during.pending, during.calls, during.closing), (1, 1, 0));
    assert_eq!(during.session.audio_frames_received, 2);
    assert_eq!(during.session.audio_bytes_sent, 640);
    assert_eq!(during.playout.barge_ins, 1);
    assert_eq!(during.playout.cleared, Duration::from_millis(100));
    assert_eq!(
        (during.durations.total(), during.ended.hangup_received),
        (0, 0)
    );

    line.pass(Duration::from_secs(61));
    line.receive(&HANGUP);
    let after = stats();
    assert_eq!((after.pending, after.calls, after.closing), (1, 0, 1));
    assert_eq!(
        (after.counters.started, after.ended.hangup_received),
        (1, 1)
    );
    assert_eq!(after.durations.counts, [0, 0, 1, 0, 0, 0]);
    assert_eq!(after.session.audio_frames_received, 2);
    assert_eq!(after.playout, during.playout);
    drop(line);
    let closed = stats();
    assert_eq!((closed.closing, closed.session), (0, after.session));
    drop(pending);
    assert_eq!(stats().pending, 0);
    assert_eq!(
        stats().ended,
        after.ended,
        "a connection that was no call has no end"
    );
}

#[test]
fn calls_are_counted_by_their_end() {
    let server = server(Limits::new());
    let begin = || call(&server, RecordingAcceptor::new());
    begin().eof();
    begin().read_error(std::io::ErrorKind::ConnectionReset);
    begin().read_error(std::io::ErrorKind::TimedOut);
    begin().receive(&HANGUP);
    begin().receive(&uuid_frame());
    let mut hung_up = begin();
    hung_up.driver.handle().hangup();
    hung_up.poll_commands();
    let panicking = RecordingAcceptor::panicking_in(&["on_audio"]);
    call(&server, panicking).receive(&frame(0x10, &[1; 2]));
    let longest =
        |config: audiosocket_proto::SessionConfig| config.max_duration(Some(Duration::ZERO));
    let calls = server.handle().calls();
    let mut long = TestConnection::among(calls, RecordingAcceptor::new(), longest);
    long.receive(&uuid_frame());
    long.wait(Duration::ZERO);
    drop(begin());
    let mut shut_down = begin();
    calls.shut_down();
    shut_down.poll_commands();

    let stats = server.handle().stats();
    let mut ended = stats.ended.named();
    ended.sort_unstable();
    let names = [
        "abandoned",
        "closed",
        "connection_lost",
        "failed",
        "handler_panicked",
        "hangup_received",
        "hung_up",
        "max_duration",
        "reset",
        "shut_down",
    ];
    assert_eq!(ended, names.map(|name| (name, 1)));
    assert_eq!((stats.counters.started, stats.calls), (10, 0));
}

#[test]
fn readiness_follows_the_limits_and_the_shutdown() {
    let mut server = server(Limits::new().max_calls(1));
    let handle = server.handle().clone();
    let poll = |server: &mut ServerDriver| {
        server.poll(Timestamp::ZERO, &mut Context::from_waker(Waker::noop()))
    };
    assert_eq!(handle.readiness(), Readiness::Ready);
    let only = call(&server, RecordingAcceptor::new());
    assert_eq!(handle.readiness(), Readiness::Full(LimitReached::Calls));
    assert_eq!(handle.readiness().to_string(), "full: too many calls");
    drop(only);
    handle.refuse_calls(true);
    assert_eq!(handle.readiness(), Readiness::Full(LimitReached::Refusing));
    handle.refuse_calls(false);
    assert!(handle.readiness().is_ready());

    handle.announce_drain();
    assert_eq!(handle.readiness(), Readiness::DrainAnnounced);
    assert_eq!(poll(&mut server), ServerAction::Accept);
    let late = call(&server, RecordingAcceptor::new());
    assert_eq!(late.driver.refusal(), None);
    handle.shutdown(Duration::from_secs(9));
    assert_eq!(poll(&mut server), ServerAction::StopAccepting);
    assert_eq!(handle.readiness(), Readiness::ShuttingDown);
    drop(late);
    assert_eq!(poll(&mut server), ServerAction::Over);
    assert_eq!(handle.readiness(), Readiness::ShuttingDown);
}

#[test]
fn a_server_is_not_ready_from_the_request_to_shut_down_and_after_its_driver() {
    let server = server(Limits::new());
    let handle = server.handle().clone();
    handle.shutdown(Duration::ZERO);
    assert!(!handle.readiness().is_ready(), "before the next poll");
    drop(server);
    assert_eq!(handle.readiness(), Readiness::ShuttingDown);
}

#[test]
fn the_last_sixteen_refusals_are_remembered() {
    let server = server(Limits::new().max_calls(1));
    let calls = server.handle().calls();
    drop(call(&server, RecordingAcceptor::refusing("first")));
    drop(call(&server, RecordingAcceptor::refusing("unknown")));
    let only = call(&server, RecordingAcceptor::new());
    for _ in 0..15 {
        drop(silent(&server));
    }
    drop(only);
    let refusals = server.handle().recent_refusals();
    assert_eq!(refusals.len(), 16);
    let latest = &refusals[0];
    assert_eq!(latest.reason.to_string(), "too many calls");
    assert_eq!(
        (latest.uuid, latest.peer.to_string()),
        (None, "tester".to_owned())
    );
    let oldest = &refusals[15];
    assert_eq!(oldest.reason.to_string(), "unknown");
    assert!(oldest.uuid.is_some());
    let refused: u64 = calls
        .counters()
        .refusals()
        .iter()
        .map(|(_, count)| count)
        .sum();
    assert_eq!(refused, 17);
}

#[test]
fn the_last_event_of_a_call_is_reported_without_its_content() {
    let server = server(Limits::new());
    let mut line = silent(&server);
    let handle = line.driver.handle().clone();
    assert_eq!(handle.last_event(), None);
    line.pass(Duration::from_millis(5));
    line.receive(&uuid_frame());
    let at = Duration::from_millis;
    assert_eq!(handle.last_event(), Some((LastEvent::Started, at(5))));
    line.pass(Duration::from_secs(2));
    line.receive(&frame(0x03, b"7"));
    line.pass(Duration::from_secs(2));
    line.receive(&frame(0x10, &[1; 320]));
    assert_eq!(handle.last_event(), Some((LastEvent::Key, at(2_005))));
    handle.mark(1).unwrap();
    line.poll_commands();
    assert_eq!(handle.last_event(), Some((LastEvent::Mark, at(4_005))));
    line.calls.begin_shutdown();
    line.poll_commands();
    assert_eq!(
        handle.last_event(),
        Some((LastEvent::ShuttingDown, at(4_005)))
    );
    assert_eq!(LastEvent::ShuttingDown.name(), "shutting_down");
}

#[test]
fn a_handler_can_report_the_codec() {
    let acceptor = RecordingAcceptor::new().on_any(|callback, call| {
        if callback == "on_audio" {
            call.set_codec("ulaw");
        }
    });
    let mut line = TestConnection::talking(acceptor);
    let handle = line.driver.handle().clone();
    assert_eq!(handle.codec(), None);
    line.receive(&frame(0x10, &[1; 160]));
    assert_eq!(handle.codec(), Some("ulaw"));
}
