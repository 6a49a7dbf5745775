//! `audiosocket call` with servers that make no mistakes.

mod audio;
mod judgement;
mod load;
mod misbehaving;
pub(crate) mod scenario;
mod script;
mod summary;
mod timing;

use std::sync::mpsc;

use rustix::process::Signal;

use crate::process::{PATIENCE, Report, ServeProcess, args, audiosocket, call, started};
use crate::server::{is_audio, read_frame, serve, serve_audio, write_frame};

#[test]
fn a_call_to_an_echo_server_succeeds() {
    let server = serve_audio(|_, frame| vec![frame]);
    let report = call(
        server,
        &["--calls", "3", "--duration", "400ms", "--seed", "7"],
    );
    assert_eq!(report.code, 0);
    assert_eq!(report.figures["ok"], true);
    assert_eq!(report.figures["seed"], 7);
    assert_eq!(report.figures["failures"], serde_json::json!([]));
    for (pointer, count) in [
        ("/calls/placed", 3),
        ("/calls/completed", 3),
        ("/calls/failed", 0),
        ("/hangups/caller", 3),
        ("/hangups/server", 0),
        ("/hangups/closed", 0),
        ("/frames/sent", 60),
        ("/frames/received", 60),
        ("/frames/echoed", 60),
        ("/frames/missing", 0),
        ("/frames/wrong", 0),
        ("/frames/extra", 0),
        ("/frames/silence", 0),
    ] {
        assert_eq!(report.count(pointer), count, "{pointer}");
    }
    let latencies = ["min", "p50", "p99", "p999", "max"]
        .map(|quantile| report.count(&format!("/latency_us/{quantile}")));
    assert!(latencies.is_sorted(), "{latencies:?}");
    assert!(latencies[4] > 0);
}

#[test]
fn an_echo_in_other_frames_is_accepted() {
    let server = serve_audio(|_, (kind, payload)| {
        let pieces = payload.chunks(7).map(|piece| (kind, piece.to_vec()));
        pieces.collect()
    });
    let report = call(server, &["--duration", "200ms"]);
    assert_eq!((report.code, report.count("/frames/echoed")), (0, 10));
    assert_eq!(report.count("/frames/received"), 10 * 320_u64.div_ceil(7));
}

#[test]
fn silence_between_echoes_is_accepted_and_counted() {
    let server = serve_audio(|_, (kind, payload)| {
        let (front, back) = payload.split_at(100);
        let silence = (kind, vec![0; 320]);
        vec![
            silence.clone(),
            (kind, front.to_vec()),
            silence,
            (kind, back.to_vec()),
        ]
    });
    let report = call(server, &["--duration", "200ms"]);
    assert_eq!((report.code, report.count("/frames/echoed")), (0, 10));
    assert_eq!(report.count("/frames/silence"), 20);
}

#[test]
fn the_echo_server_echoes_every_sample_rate() {
    let server = ServeProcess::start(1, &[]);
    let formats = [
        ("slin8", "slin"),
        ("slin12", "slin12"),
        ("slin16", "slin16"),
        ("slin24", "slin24"),
        ("slin32", "slin32"),
        ("slin44", "slin44"),
        ("slin48", "slin48"),
        ("slin96", "slin96"),
        ("slin192", "slin192"),
    ];
    for (format, name) in formats {
        let report = call(
            server.addr(),
            &[
                "--rate",
                format,
                "--calls",
                "2",
                "--duration",
                "300ms",
                "--ptime",
                "30",
            ],
        );
        assert_eq!(
            (report.code, report.count("/frames/echoed")),
            (0, 20),
            "{format}"
        );
        let audible = report.count("/frames/received") - report.count("/frames/silence");
        assert_eq!(audible, 20, "{format}");
        assert_eq!(report.figures["rate"], name);
    }
    let log = server.terminate();
    let ended = "end=closed by the peer";
    assert_eq!(log.matches(ended).count(), 2 * formats.len(), "{log}");
    let frames = |line: &&str| line.contains("frames_in=10") && line.contains("dropped=0");
    assert_eq!(log.lines().filter(frames).count(), 18, "{log}");
}

#[test]
fn the_options_set_what_the_caller_sends() {
    let (frames, sent) = mpsc::channel();
    let server = serve(move |mut stream| {
        loop {
            let frame = read_frame(&mut stream)?;
            if is_audio(&frame) {
                write_frame(&mut stream, frame.0, &frame.1)?;
            }
            frames.send(frame).unwrap();
        }
    });
    let options = args(
        "--uuid 40325ec2-5efd-4bd3-805f-53576e581d13 --dtmf 15*D# --rate slin44 --duration 800ms --seed 1",
    );
    let calls = [(); 2].map(|()| {
        let report = call(server, &options);
        assert_eq!((report.code, report.count("/digits_sent")), (0, 5));
        sent.try_iter().collect::<Vec<_>>()
    });
    let [first, second] = &calls;
    assert_eq!(first[0].0, 0x01);
    assert_eq!(
        first[0].1,
        b"\x40\x32\x5e\xc2\x5e\xfd\x4b\xd3\x80\x5f\x53\x57\x6e\x58\x1d\x13"
    );
    assert_eq!(first[1], (0x03, b"1".to_vec()), "keys come before audio");
    let digits = first.iter().filter(|frame| frame.0 == 0x03);
    assert_eq!(
        digits.flat_map(|frame| frame.1.clone()).collect::<Vec<_>>(),
        b"15*D#"
    );
    let audio: Vec<_> = first.iter().filter(|frame| is_audio(frame)).collect();
    assert_eq!(audio.len(), 40);
    assert!(
        audio
            .iter()
            .all(|(kind, payload)| *kind == 0x15 && payload.len() == 1764)
    );
    assert!(
        audio.is_sorted_by(|a, b| a != b),
        "successive frames differ"
    );
    let audio_again: Vec<_> = second.iter().filter(|frame| is_audio(frame)).collect();
    assert_eq!(audio, audio_again, "the same seed, the same audio");
}

#[test]
fn calls_have_different_uuids_and_start_at_the_set_rate() {
    let (uuids, seen) = mpsc::channel();
    let server = serve(move |mut stream| {
        loop {
            match read_frame(&mut stream)? {
                (0x01, uuid) => uuids.send(uuid).unwrap(),
                (kind, audio) => write_frame(&mut stream, kind, &audio)?,
            }
        }
    });
    let report = call(
        server,
        &args("--calls 5 --calls-per-second 10 --duration 100ms"),
    );
    assert_eq!((report.code, report.count("/calls/completed")), (0, 5));
    // The fifth call starts 0.4 s after the first.
    assert!(report.figures["seconds"].as_f64().unwrap() >= 0.4);
    let mut uuids: Vec<_> = seen.try_iter().collect();
    uuids.sort();
    uuids.dedup();
    assert_eq!(uuids.len(), 5);
}

#[test]
fn the_seed_sets_the_duration_of_each_call() {
    let server = serve_audio(|_, frame| vec![frame]);
    let options = ["--calls", "20", "--duration", "100ms-400ms", "--seed", "5"];
    let [first, second] = [(); 2].map(|()| {
        let report = call(server, &options);
        assert_eq!(report.code, 0);
        assert_eq!(report.figures["duration_s"], 0.1);
        assert_eq!(report.figures["longest_s"], 0.4);
        report.count("/frames/echoed")
    });
    assert_eq!(first, second);
    // More than 20 calls of 100 ms, and fewer than 20 calls of the mean of an even distribution.
    assert!((20 * 6..20 * 12).contains(&first), "{first}");
}

#[test]
fn any_audio_succeeds_with_expect_any() {
    let server = serve_audio(|_, (kind, payload)| vec![(kind, vec![0x55; payload.len()])]);
    let report = call(server, &["--expect", "any", "--duration", "200ms"]);
    assert_eq!((report.code, report.count("/frames/sent")), (0, 10));
    assert!(report.count("/frames/received") > 0);
    assert!(report.figures["latency_us"].is_null());
    let report = call(server, &["--duration", "200ms", "--echo-timeout", "0s"]);
    assert_eq!(report.code, 1);
}

#[test]
fn a_server_may_hang_up_with_expect_any() {
    let server = serve_audio(|number, frame| match number {
        5 => vec![(0x00, Vec::new())],
        _ => vec![(frame.0, vec![0x55; 320])],
    });
    let report = call(server, &["--expect", "any", "--duration", "60s"]);
    assert_eq!((report.code, report.count("/hangups/server")), (0, 1));
    assert_eq!(report.count("/calls/completed"), 1);
}

#[test]
fn an_interrupted_run_ends_at_once_and_prints_its_figures() {
    let (audio_came, received) = mpsc::channel();
    // Echoes that the interrupted caller waits for are not missing.
    let server = serve_audio(move |number, frame| {
        let _ = audio_came.send(());
        vec![frame; usize::from(number < 20)]
    });
    let server = server.to_string();
    let options = args("--duration 1h --calls 100 --calls-per-second 1 --json");
    let caller = started(audiosocket(["call", &server].into_iter().chain(options)), 0);
    for _ in 0..25 {
        received.recv_timeout(PATIENCE).unwrap();
    }
    caller.signal(Signal::INT).unwrap();
    let report = Report::of_ended(caller);
    assert_eq!(report.code, 130);
    assert_eq!(
        report.count("/calls/interrupted"),
        report.count("/calls/placed")
    );
    assert_eq!(report.count("/frames/missing"), 0);
    assert!(report.count("/frames/echoed") > 0);
    assert!(report.count("/calls/placed") < 100);
}

#[test]
fn a_hundred_calls_at_once_lose_no_frame() {
    let server = ServeProcess::start(1, &[]);
    let report = call(server.addr(), &["--calls", "100", "--duration", "1s"]);
    assert_eq!((report.code, report.count("/frames/echoed")), (0, 5000));
    let log = server.terminate();
    assert_eq!(log.matches("call started").count(), 100);
    assert_eq!(log.matches("call ended").count(), 100);
}
