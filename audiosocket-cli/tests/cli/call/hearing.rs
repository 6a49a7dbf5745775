//! `audiosocket call` and when audio comes: jitter, barging in, silence. How the figures come about
//! is for the unit tests, which make up the times; here is what no busy machine can change.

use std::thread;
use std::time::Duration;

use crate::process::{Report, call, run, text};
use crate::server::{
    Frame, is_audio, read_frame, serve, serve_audio, serve_echo_that_tells, write_frame,
};

const ANY: [&str; 2] = ["--expect", "any"];
const BARGE_IN: [&str; 4] = ["--barge-in-after", "600ms", "--duration", "4s"];

#[test]
fn silence_ahead_of_an_echo_and_after_it_is_no_mistake() {
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
    // The caller may have hung up before the last.
    assert!((8..=9).contains(&report.count("/frames/silence")));
}

#[test]
fn frames_that_come_together_are_bursts() {
    let server = serve_audio(|number, frame| match number {
        10 => vec![frame; 5],
        _ => vec![frame],
    });
    let report = call(server, &[&ANY[..], &["--duration", "1s"]].concat());
    assert_eq!(report.code, 0);
    assert!(report.count("/jitter/bursts") > 0);
    // Four frames too many, of 20 ms.
    for (figure, most) in [("spacing_us", 15_000), ("grid_us", 15_000), ("late_us", 1)] {
        let quantiles = ["min", "p50", "p99", "p999", "max"]
            .map(|quantile| report.count(&format!("/jitter/{figure}/{quantile}")));
        assert!(quantiles.is_sorted(), "{figure}: {quantiles:?}");
        assert!(quantiles[4] >= most, "{figure}: {quantiles:?}");
    }
    let drift = |end| report.figures["jitter"]["drift_us"][end].as_i64().unwrap();
    assert_eq!(drift("min"), drift("max"), "there is one call");
    assert!(report.count("/own_delay_us/max") > 0);
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
fn a_caller_that_barges_in_is_silent_and_then_loud() {
    let (server, said) = serve_echo_that_tells();
    let options = ["--barge-in-after", "210ms", "--duration", "3s"];
    let report = call(server, &options);
    assert_eq!(report.count("/frames/sent"), 150);
    let said: Vec<_> = said.take(150).into_iter().map(|frame| frame.1).collect();
    let loud = |frame: &Vec<u8>| {
        let samples = frame
            .as_chunks()
            .0
            .iter()
            .map(|sample| i16::from_le_bytes(*sample));
        samples.map(i16::unsigned_abs).max() > Some(1_000)
    };
    assert!(
        said[..11]
            .iter()
            .all(|frame| frame.iter().all(|byte| *byte == 0))
    );
    assert!(said[11..111].iter().all(loud), "two seconds");
    assert!(
        said[111..]
            .iter()
            .all(|frame| frame.iter().all(|byte| *byte == 0))
    );
}

#[test]
fn a_server_that_falls_silent_is_good() {
    let report = barge_in(|after| match after {
        Some(11..) => None,
        _ => Some(speech()),
    });
    assert_eq!((report.code, barge_ins(&report)), (0, [1, 0, 0]));
    assert_eq!(report.figures["expect"], "any");
    // The first of eleven frames of speech came after the caller had begun.
    let went_on = ["min", "max"].map(|end| report.count(&format!("/barge_in/went_on_us/{end}")));
    assert!(went_on[0] >= 19_900, "{went_on:?}");
}

#[test]
fn a_server_that_does_not_fall_silent_is_not_good() {
    let report = barge_in(|_| Some(speech()));
    assert_eq!((report.code, barge_ins(&report)), (1, [0, 1, 0]));
    assert_eq!(
        report.failure(),
        "the server did not fall silent when the caller barged in"
    );
    assert!(report.figures["barge_in"]["went_on_us"].is_null());
}

#[test]
fn a_server_that_does_not_speak_cannot_be_interrupted() {
    // It answers.
    let report = barge_in(|after| after.map(|_| speech()));
    assert_eq!((report.code, barge_ins(&report)), (1, [0, 0, 1]));
    assert_eq!(
        report.failure(),
        "the server did not speak when the caller barged in"
    );
}

#[test]
fn a_server_that_ends_the_call_has_fallen_silent_unless_it_was_too_early() {
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
fn the_table_reports_the_server_and_this_machine() {
    let server = serve_audio(|_, _| vec![speech()]).to_string();
    let output = run(["call", &server].into_iter().chain(BARGE_IN));
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{table}");
    let words: Vec<_> = table
        .split(['│', '┆'])
        .flat_map(str::split_whitespace)
        .collect();
    let words = words.join(" ");
    for figure in [
        "p50, frame to frame",
        "p50, drift since the first frame",
        "drift, ms",
        "0 pauses of more than 60 ms",
        "barge-in 0 fell silent 1 never fell silent 0 did not speak before",
        "read late, ms",
        "1 call failed: the server did not fall silent",
    ] {
        assert!(words.contains(figure), "{figure} in {words}");
    }
}

#[test]
fn barging_in_needs_time_and_no_echo() {
    for (options, problem) in [
        (
            &["--duration", "1s"][..],
            "over before the caller barges in",
        ),
        (&["--expect", "echo"], "cannot barge in on an echo"),
    ] {
        let args = ["call", "127.0.0.1:9", "--barge-in-after", "2s"];
        let output = run(args.into_iter().chain(options.iter().copied()));
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{options:?}: {stderr}");
        assert!(stderr.contains(problem), "{options:?}: {stderr}");
    }
}

/// A call in which the caller barges in. The server answers each of its frames as it is told, with
/// how many frames it is since the first that was not silent; or with silence.
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

/// 20 ms of something.
fn speech() -> Frame {
    (0x10, vec![0x11; 320])
}
