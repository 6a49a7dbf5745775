//! `audiosocket call` as a judge: the calls that Asterisk ends, and the limits of the audio.

use std::io::Write as _;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use super::summary::printed;
use crate::process::{ServeProcess, args, call};
use crate::server::{is_audio, read_frame, serve, serve_audio, write_frame};

/// Starts a server that sends a header, and its payload after `pause`.
fn split_payload(pause: Duration) -> SocketAddr {
    serve(move |mut stream| {
        while !is_audio(&read_frame(&mut stream)?) {}
        stream.write_all(&[0x10, 1, 0x40])?;
        thread::sleep(pause);
        stream.write_all(&[7; 320])?;
        while read_frame(&mut stream).is_ok() {}
        Ok(())
    })
}

/// Starts a server that plays a frame of 20 ms after each `period`, `at_once` frames in a write.
fn player(period: Duration, at_once: usize) -> SocketAddr {
    serve(move |mut stream| {
        while !is_audio(&read_frame(&mut stream)?) {}
        let mut frame = vec![0x10, 1, 0x40];
        frame.extend([7; 320]);
        loop {
            stream.write_all(&frame.repeat(at_once))?;
            thread::sleep(period);
        }
    })
}

#[test]
fn a_payload_that_pauses_fails_the_call() {
    let server = split_payload(Duration::from_millis(500));
    let report = call(server, &args("--expect any --duration 60s"));
    assert_eq!(
        (report.code, report.failure()),
        (
            1,
            "Asterisk ends this call: a payload paused for more than 5 ms (log: Poll timed out while waiting for data)"
        )
    );
    assert_eq!(report.figures["failures"][0]["by_asterisk"], true);
}

#[test]
fn the_verdict_names_the_release_and_the_cause() {
    for (release, frame, cause) in [
        (
            "20.16",
            (0x12, vec![7; 640]),
            "Asterisk 20.16 ends this call: kind 0x12",
        ),
        (
            "22.10",
            (0x03, vec![b'1']),
            "Asterisk 22.10 ends this call: kind 0x03 (dtmf)",
        ),
        (
            "22.10",
            (0x10, vec![]),
            "Asterisk 22.10 ends this call: an empty frame of kind 0x10",
        ),
        (
            "20.12",
            (0x12, vec![7; 640]),
            "Asterisk 20.12 discards frames of kind 0x12",
        ),
    ] {
        let server = serve_audio(move |_, _| vec![frame.clone()]).to_string();
        let options = [
            "--expect",
            "any",
            "--duration",
            "300ms",
            "--asterisk",
            release,
        ];
        let (summary, code) = printed(&server, &options);
        assert_eq!(code, 1, "{summary}");
        assert!(summary.contains(&format!("NOT OK: {cause}")), "{summary}");
    }
}

#[test]
fn an_old_release_sends_wide_audio_as_8_khz_and_no_keys() {
    for (release, frame, keys) in [
        ("20.12", (0x10, 640), 0),
        ("20.15", (0x10, 640), 2),
        ("22.10", (0x12, 640), 2),
    ] {
        let (server, received) = crate::server::serve_recorded_echo();
        let options = args("--rate slin16 --dtmf 12 --duration 200ms --asterisk");
        let report = call(server, &[&options[..], &[release]].concat());
        assert_eq!(report.code, 0, "{release}: {}", report.figures);
        assert_eq!(report.count("/digits_sent"), keys);
        let sent = received.take(10);
        assert!(
            sent.iter()
                .all(|(kind, audio)| (*kind, audio.len()) == frame)
        );
    }
}

#[test]
fn a_close_without_a_hangup_fails_where_it_must() {
    let closes = || {
        serve(|mut stream| {
            while !is_audio(&read_frame(&mut stream)?) {}
            write_frame(&mut stream, 0x10, &[7; 320])?;
            stream.shutdown(std::net::Shutdown::Write)?;
            while read_frame(&mut stream).is_ok() {}
            Ok(())
        })
    };
    let any = ["--expect", "any", "--duration", "60s"];
    for (options, failure) in [
        (&[][..], None),
        (&["--asterisk", "22.10"], None),
        (
            &["--require-hangup"],
            Some("the server closed the connection without a hangup frame"),
        ),
        (
            &["--asterisk", "20.12"],
            Some(
                "the server closed the connection without a hangup frame, and Asterisk 20.12 does not notice that",
            ),
        ),
    ] {
        let report = call(closes(), &[&any[..], options].concat());
        assert_eq!(report.code, i32::from(failure.is_some()), "{options:?}");
        if let Some(failure) = failure {
            assert_eq!(report.failure(), failure);
        }
    }
}

#[test]
fn a_release_ends_a_call_without_activity() {
    let server = serve(|mut stream| {
        while read_frame(&mut stream).is_ok() {}
        Ok(())
    });
    let report = call(server, &args("--no-audio --duration 60s --asterisk 22.10"));
    assert_eq!(
        report.failure(),
        "Asterisk 22.10 ends this call: nothing was sent (log: Reached timeout after 2000 ms of no activity)"
    );
}

#[test]
fn the_verdict_names_the_exceeded_limit_with_both_numbers() {
    let millis = Duration::from_millis;
    let calls = [
        (player(millis(10), 1), "--max-drift"),
        (player(millis(30), 1), "--max-drift"),
        (player(millis(3_000), 150), "--max-burst"),
        (player(millis(1_000), 1), "--max-gap"),
        (player(millis(1_000), 50), "--max-lateness"),
    ]
    .map(|(server, option)| thread::spawn(move || assert_exceeded(server, option)));
    for call in calls {
        call.join().unwrap();
    }
}

/// Asserts that a call to `server` exceeds a limit of 20 ms, and that it is the only problem.
fn assert_exceeded(server: SocketAddr, option: &str) {
    let server = server.to_string();
    let any = args("--expect any --duration 3s");
    let (summary, code) = printed(&server, &[&any[..], &[option, "20ms"]].concat());
    assert_eq!(code, 1, "{option}: {summary}");
    let name = option.trim_start_matches("--max-");
    let start = format!("verdict       NOT OK: {name} of ");
    assert!(summary.contains(&start), "{summary}");
    let end = format!(" ms, the limit is 20.000 ms ({option})");
    assert!(summary.contains(&end), "{summary}");
    assert!(summary.contains(" 1 completed, 0 failed"), "{summary}");
}

#[test]
fn the_limit_of_a_burst_has_a_second_name() {
    let server = player(Duration::from_secs(3), 150);
    let any = "--expect any --duration 3s --max-bursts 20ms";
    let report = call(server, &args(any));
    assert_eq!((report.code, report.count("/calls/completed")), (1, 1));
    assert_eq!(report.figures["exceeded"][0]["limit"], "burst");
}

/// Starts an echo server that sends the echo of one frame a second late.
fn late_echo() -> SocketAddr {
    serve_audio(|number, frame| {
        thread::sleep(Duration::from_secs(u64::from(number == 3)));
        vec![frame]
    })
}

#[test]
fn a_late_echo_exceeds_the_limit_of_latency() {
    let report = call(late_echo(), &args("--duration 400ms --max-latency 20ms"));
    assert_eq!((report.code, report.count("/calls/completed")), (1, 1));
    assert_eq!(report.figures["exceeded"][0]["limit"], "latency");
    assert!(report.count("/exceeded/0/measured_us") >= 1_000_000);
}

#[test]
fn an_echo_server_keeps_the_limits_of_a_telephone() {
    let server = ServeProcess::start(1, &[]);
    let report = call(server.addr(), &args("--strict --duration 2s"));
    assert_eq!(report.code, 0, "{}", report.figures);
}

#[test]
fn an_option_replaces_a_limit_of_a_telephone() {
    let strict = "--strict --duration 400ms --allow-pauses";
    let report = call(late_echo(), &args(strict));
    assert_eq!(report.code, 1, "{}", report.figures);
    let wide = "--max-lateness 1m --max-drift 1m --max-burst 1m --max-gap 1m --max-latency 1m";
    let report = call(late_echo(), &args(&format!("{strict} {wide}")));
    assert_eq!(report.code, 0, "{}", report.figures);
}
