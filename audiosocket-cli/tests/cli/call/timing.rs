//! `audiosocket call` and the times of received audio: jitter, barge-in, silence. Unit tests check the figures in virtual time.
//! These tests check only results that do not depend on the speed of the machine.

use std::thread;
use std::time::Duration;

use super::summary::{printed, words};
use crate::process::{Report, call};
use crate::server::{
    Frame, is_audio, read_frame, serve, serve_audio, serve_recorded_echo, write_frame,
};

const ANY: [&str; 2] = ["--expect", "any"];
const BARGE_IN: [&str; 4] = ["--barge-in-after", "600ms", "--duration", "4s"];

#[test]
fn silence_before_and_after_an_echo_is_accepted() {
    let server = serve(|mut stream| {
        let silence = |stream: &mut _, frames| {
            (0..frames).try_for_each(|_| write_frame(stream, 0x10, &[0; 320]))
        };
        assert_eq!(read_frame(&mut stream)?.0, 0x01);
        silence(&mut stream, 3)?;
        for number in 0.. {
            let (kind, audio) = read_frame(&mut stream)?;
            silence(&mut stream, usize::from(number % 4 == 0))?;
            write_frame(&mut stream, kind, &audio)?;
            silence(&mut stream, usize::from(number == 19))?;
        }
        Ok(())
    });
    let report = call(server, &["--duration", "400ms"]);
    assert_eq!(report.code, 0, "{}", report.figures);
    for (pointer, count) in [
        ("/frames/echoed", 20),
        ("/frames/missing", 0),
        ("/frames/wrong", 0),
        ("/frames/extra", 0),
    ] {
        assert_eq!(report.count(pointer), count, "{pointer}");
    }
    // The caller may have hung up before the last frame of silence.
    assert!((8..=9).contains(&report.count("/frames/silence")));
}

#[test]
fn frames_that_arrive_together_are_bursts() {
    let server = serve_audio(|number, frame| match number {
        10 => vec![speech(); 5],
        _ => vec![(frame.0, speech().1)],
    });
    let report = call(server, &[&ANY[..], &["--duration", "1s"]].concat());
    assert_eq!(report.code, 0);
    assert!(report.count("/jitter/bursts") > 0);
    // Four extra frames of 20 ms.
    for (figure, most) in [
        ("jitter_us", 15_000),
        ("drift_us", 15_000),
        ("lateness_us", 1),
    ] {
        let quantiles = ["min", "p50", "p99", "p999", "max"]
            .map(|quantile| report.count(&format!("/jitter/{figure}/{quantile}")));
        assert!(quantiles.is_sorted(), "{figure}: {quantiles:?}");
        assert!(quantiles[4] >= most, "{figure}: {quantiles:?}");
    }
    let drift = |end| {
        report.figures["jitter"]["final_drift_us"][end]
            .as_i64()
            .unwrap()
    };
    assert_eq!(drift("min"), drift("max"), "there is one call");
    assert!(report.count("/self_latency_us/max") > 0);
}

#[test]
fn a_pause_is_a_gap() {
    let server = serve(|mut stream| {
        while !is_audio(&read_frame(&mut stream)?) {}
        for pause in [0, 0, 1_000, 0, 600, 0] {
            thread::sleep(Duration::from_millis(pause));
            write_frame(&mut stream, 0x10, &[7; 320])?;
        }
        while read_frame(&mut stream).is_ok() {}
        Ok(())
    });
    let report = call(server, &[&ANY[..], &["--duration", "4s"]].concat());
    assert_eq!(report.code, 0);
    assert!(report.count("/jitter/gaps") >= 2);
    assert!(report.count("/jitter/longest_gap_us") >= 600_000);
}

#[test]
fn nobody_knows_how_steady_a_server_is_that_sends_nothing() {
    let server = serve_audio(|_, _| Vec::new());
    let report = call(server, &[&ANY[..], &["--duration", "100ms"]].concat());
    assert_eq!(report.code, 1);
    assert!(report.figures["jitter"].is_null());
    assert!(report.figures["barge_in"].is_null());
    assert!(report.figures["recordings"].is_null());
}

#[test]
fn a_caller_that_barges_in_sends_silence_and_then_speech() {
    let (server, received) = serve_recorded_echo();
    let options = ["--barge-in-after", "210ms", "--duration", "3s"];
    let report = call(server, &options);
    assert_eq!(report.count("/frames/sent"), 150);
    let sent: Vec<_> = received
        .take(150)
        .into_iter()
        .map(|frame| frame.1)
        .collect();
    let loud = |frame: &Vec<u8>| {
        let samples = frame
            .as_chunks()
            .0
            .iter()
            .map(|sample| i16::from_le_bytes(*sample));
        samples.map(i16::unsigned_abs).max() > Some(1_000)
    };
    assert!(
        sent[..11]
            .iter()
            .all(|frame| frame.iter().all(|byte| *byte == 0))
    );
    assert!(sent[11..111].iter().all(loud), "two seconds of speech");
    assert!(
        sent[111..]
            .iter()
            .all(|frame| frame.iter().all(|byte| *byte == 0))
    );
}

#[test]
fn a_server_that_falls_silent_succeeds() {
    let report = barge_in(|after| match after {
        Some(11..) => None,
        _ => Some(speech()),
    });
    assert_eq!((report.code, barge_ins(&report)), (0, [1, 0, 0]));
    assert_eq!(report.figures["expect"], "any");
    // The server sends eleven frames of speech after the barge-in.
    let silent_after =
        ["min", "max"].map(|end| report.count(&format!("/barge_in/silent_after_us/{end}")));
    assert!(silent_after[0] >= 19_900, "{silent_after:?}");
}

#[test]
fn a_server_that_does_not_fall_silent_fails() {
    let report = barge_in(|_| Some(speech()));
    assert_eq!((report.code, barge_ins(&report)), (1, [0, 1, 0]));
    assert_eq!(
        report.failure(),
        "the server did not fall silent when the caller barged in"
    );
    assert!(report.figures["barge_in"]["silent_after_us"].is_null());
}

#[test]
fn a_server_that_does_not_speak_before_the_barge_in_fails() {
    // The server only answers the barge-in.
    let report = barge_in(|after| after.map(|_| speech()));
    assert_eq!((report.code, barge_ins(&report)), (1, [0, 0, 1]));
    assert_eq!(
        report.failure(),
        "the server did not speak when the caller barged in"
    );
}

#[test]
fn a_server_that_ends_the_call_after_the_barge_in_succeeds() {
    let hangup = || Some((0x00, Vec::new()));
    let report = barge_in(move |after| match after {
        Some(3..) => hangup(),
        _ => Some(speech()),
    });
    assert_eq!((report.code, barge_ins(&report)), (0, [1, 0, 0]));
    let report = call(
        serve_audio(move |number, _| match number {
            5 => hangup().into_iter().collect(),
            _ => vec![speech()],
        }),
        &BARGE_IN,
    );
    assert_eq!((report.code, barge_ins(&report)), (1, [0, 0, 1]));
    assert_eq!(
        report.failure(),
        "the server ended the call before the caller barged in"
    );
}

#[test]
fn the_summary_and_the_details_have_the_barge_in() {
    let server = serve_audio(|_, _| vec![speech()]).to_string();
    let (summary, code) = printed(&server, &BARGE_IN);
    assert_eq!(code, 1, "{summary}");
    let verdict = "NOT OK: the server did not fall silent when the caller barged in (1 of 1 calls)";
    assert!(summary.contains(verdict), "{summary}");
    let details = printed(&server, &[&BARGE_IN[..], &["--details"]].concat()).0;
    for figure in [
        "of received frames, early or late",
        "since the first frame, early or late",
        "final drift",
        "pauses of more than 60 ms",
        "barge-in 0 fell silent 1 never fell silent 0 did not speak before",
        "late to read: a part of the others",
    ] {
        assert!(words(&details).contains(figure), "{figure} in {details}");
    }
}

/// Makes a call with a barge-in. The server answers each frame with `answer`, or with silence if that is `None`. The argument of
/// `answer` is the number of frames since the first that was not silence.
fn barge_in(answer: impl Fn(Option<usize>) -> Option<Frame> + Clone + Send + 'static) -> Report {
    let server = serve(move |mut stream| {
        let mut after = None;
        loop {
            let frame = read_frame(&mut stream)?;
            if !is_audio(&frame) {
                continue;
            }
            after = match after {
                Some(frames) => Some(frames + 1),
                None => frame.1.iter().any(|byte| *byte != 0).then_some(0),
            };
            let (kind, audio) = answer(after).unwrap_or((0x10, vec![0; 320]));
            write_frame(&mut stream, kind, &audio)?;
        }
    });
    call(server, &BARGE_IN)
}

fn barge_ins(report: &Report) -> [u64; 3] {
    ["fell_silent", "never_silent", "not_speaking"]
        .map(|figure| report.count(&format!("/barge_in/{figure}")))
}

/// 20 ms of audio that is not silence.
fn speech() -> Frame {
    (0x10, vec![0x11; 320])
}
