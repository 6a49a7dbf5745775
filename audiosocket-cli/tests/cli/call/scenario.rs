//! `audiosocket call --scenario`, and the JUnit report.

use std::io;
use std::process::Command;
use std::sync::mpsc;

use audiosocket_media::wav::WavWriter;
use audiosocket_media::{SampleRate, tone};
use tempfile::TempDir;

use crate::process::{Report, ServeProcess, audiosocket, call, run, text};
use crate::server::{is_audio, read_frame, serve, serve_audio, write_frame};

/// The guide's page on tests.
const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/src/testing.md");

/// Writes the scenario of the guide with this name into a file.
pub(crate) fn of_the_guide(directory: &TempDir, name: &str) -> String {
    let guide = std::fs::read_to_string(GUIDE).unwrap();
    let mut blocks = guide.split("```toml\n").skip(1);
    let name = format!("name = {name:?}\n");
    let scenario = blocks.find(|block| block.contains(&name)).unwrap();
    let (scenario, _) = scenario.split_once("```").unwrap();
    let path = directory.path().join("scenario.toml");
    std::fs::write(&path, scenario).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Writes a scenario with these steps.
fn written(directory: &TempDir, steps: &str) -> String {
    let path = directory.path().join("scenario.toml");
    std::fs::write(&path, format!("name = 'test'\nsteps = [\n{steps}\n]\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Starts `audiosocket serve play --loop` of a tone with these options.
fn player(directory: &TempDir, options: &[&str]) -> ServeProcess {
    let path = directory.path().join("tone.wav");
    let mut wav = WavWriter::create(&path, SampleRate::Hz8000).unwrap();
    let second = std::time::Duration::from_secs(1);
    wav.write(&tone(SampleRate::Hz8000, 440, second)).unwrap();
    wav.finish().unwrap();
    let play = ["serve", "play", path.to_str().unwrap(), "--loop"];
    let args = play.into_iter().chain(options.iter().copied());
    ServeProcess::run(audiosocket(args), 1)
}

#[test]
fn a_scenario_fails_if_and_only_if_the_bot_does_not_stop_when_the_caller_speaks() {
    let directory = TempDir::new().unwrap();
    let scenario = of_the_guide(&directory, "the bot stops when the caller speaks");
    for (options, code) in [(&["--barge-in"][..], 0), (&[], 1)] {
        let server = player(&directory, options);
        let report = call(server.addr(), &["--scenario", &scenario, "--calls", "2"]);
        assert_eq!(report.code, code, "{options:?}: {}", report.figures);
        assert_eq!(report.figures["expect"], "scenario");
        assert_eq!(report.count("/calls/failed"), 2 * code as u64);
        for number in 0..2 {
            let call = &report.figures["each_call"][number];
            assert_eq!(call["number"], number + 1);
            let steps = call["steps"].as_array().unwrap();
            assert_eq!(steps.len(), 3, "{call}");
            assert_eq!(steps[0]["failure"], serde_json::Value::Null);
            assert_eq!(steps[2]["text"], "expect silence within 2s, for 500ms");
            assert_eq!(steps[2]["failure"].is_string(), code == 1, "{call}");
        }
        if code == 1 {
            let reason = "step 3, expect silence within 2s, for 500ms: the server sent audio";
            assert_eq!(report.failure(), reason);
        }
        server.terminate();
    }
}

#[test]
fn the_steps_send_keys_audio_and_errors_in_order() {
    let (frames, sent) = mpsc::channel();
    let server = serve(move |mut stream| {
        loop {
            let frame = read_frame(&mut stream)?;
            if frame == (0x03, b"#".to_vec()) {
                write_frame(&mut stream, 0x10, &[0x11; 320])?;
            }
            if frame.0 == 0xff {
                write_frame(&mut stream, 0x00, &[])?;
            }
            frames.send(frame).map_err(io::Error::other)?;
        }
    });
    let directory = TempDir::new().unwrap();
    let scenario = written(
        &directory,
        "{ wait = '100ms' }, { say = 'noise', for = '100ms' },
        { key = '15#', gap = '20ms' }, { expect = 'audio', within = '60s' },
        { error = 2 }, { expect = 'hangup', within = '60s' }",
    );
    let report = call(server, &["--scenario", &scenario]);
    assert_eq!(report.code, 0, "{}", report.figures);
    assert_eq!(report.count("/digits_sent"), 3);
    assert_eq!(report.figures["scenario"], "test");
    let frames: Vec<_> = sent.try_iter().collect();
    let is_noise = |frame: &&(u8, Vec<u8>)| is_audio(frame) && frame.1.iter().any(|it| *it != 0);
    assert!((5..=6).contains(&frames.iter().filter(is_noise).count()));
    let others = frames.iter().filter(|frame| !is_audio(frame)).skip(1);
    let others: Vec<_> = others.map(|frame| (frame.0, &frame.1[..])).collect();
    let wanted = [(0x03, &b"1"[..]), (0x03, b"5"), (0x03, b"#"), (0xff, &[2])];
    assert_eq!(others, wanted);
    let last_noise = frames.iter().rposition(|frame| is_noise(&frame)).unwrap();
    let first_key = frames.iter().position(|frame| frame.0 == 0x03).unwrap();
    assert!(last_noise < first_key, "a step waits until all was said");
}

#[test]
fn a_failed_step_names_its_number_what_was_expected_and_what_happened() {
    let hangs_up = serve_audio(|number, frame| match number {
        5 => vec![(0x00, Vec::new())],
        _ => vec![(frame.0, vec![0; 320])],
    });
    let silent = serve_audio(|_, _| Vec::new());
    let rejected = serve_audio(|_, _| vec![(0x7f, Vec::new())]);
    let audio = "{ wait = '20ms' }, { expect = 'audio', within = '300ms' }, { key = '1' }";
    let long = "{ wait = '20ms' }, { expect = 'audio', within = '60s' }";
    let hangup = "{ expect = 'hangup', within = '200ms' }";
    for (server, steps, failure) in [
        (
            silent,
            audio,
            "step 2, expect audio within 300ms: none began in time",
        ),
        (
            hangs_up,
            long,
            "step 2, expect audio within 60s: the server hung up",
        ),
        (
            silent,
            hangup,
            "step 1, expect a hangup within 200ms: the server did not hang up",
        ),
        (rejected, long, "Asterisk ends this call: kind 0x7f"),
    ] {
        let directory = TempDir::new().unwrap();
        let scenario = written(&directory, steps);
        let report = call(server, &["--scenario", &scenario]);
        assert_eq!(report.code, 1, "{steps}");
        assert!(
            report.failure().starts_with(failure),
            "{}",
            report.failure()
        );
        let steps = report.figures["each_call"][0]["steps"].as_array().unwrap();
        let last = steps.last().unwrap();
        assert!(last["failure"].is_string(), "{last}");
        assert!(last["until_s"].as_f64() >= last["from_s"].as_f64());

        let output = run(["call", &server.to_string(), "--scenario", &scenario]);
        let summary = text(&output.stdout);
        assert!(summary.contains("(1 of 1 calls)\nnext "), "{summary}");
        let line = summary.lines().find(|line| line.starts_with("failed "));
        let line = line.unwrap();
        assert!(line.contains(failure), "{line}");
        assert_eq!(
            line.contains(" s, UUID "),
            failure.starts_with("step"),
            "{line}"
        );
    }
}

#[test]
fn a_wrong_scenario_exits_with_2_and_names_the_file_and_the_line() {
    for (steps, parts) in [
        (
            "{ wait = '1s' },\n{ expct = 'audio' }",
            &["scenario.toml:4: ", "unknown field `expct`"][..],
        ),
        ("", &["--scenario has no steps"]),
        (
            "{ hang_up = true }, { key = '1' }",
            &["step 2 of the --scenario"],
        ),
    ] {
        let directory = TempDir::new().unwrap();
        let scenario = written(&directory, steps);
        let output = run(["call", "127.0.0.1:9", "--scenario", &scenario]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        for part in parts {
            assert!(stderr.contains(part), "{part}: {stderr}");
        }
    }
    let output = run(["call", "127.0.0.1:9", "--scenario", "x.toml", "--dtmf", "1"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

/// Prints each test case of a JUnit file: its class, its name, its result and its text.
const PARSER: &str = "
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
assert root.tag == 'testsuites', root.tag
for suite in root:
    print(suite.tag, suite.get('name'), suite.get('tests'), suite.get('failures'))
    for case in suite.iter('testcase'):
        result = [(it.tag, it.get('message')) for it in case if it.tag in ('failure', 'error', 'skipped')]
        print(ascii((case.get('classname'), case.get('name'), result, case.findtext('system-out', ''))))
";

/// Calls with `--junit`. Returns the report, the XML, and what Python reads in it: `None` if there is no Python.
fn junit(server: std::net::SocketAddr, args: &[&str]) -> (Report, String, Option<String>) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("junit.xml");
    let path = path.to_str().unwrap();
    let report = call(server, &[args, &["--junit", path]].concat());
    let xml = std::fs::read_to_string(path).unwrap();
    let python = Command::new("python3").args(["-c", PARSER, path]).output();
    let parsed = match python {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            eprintln!("there is no python3: the XML is not parsed");
            None
        }
        output => {
            let output = output.unwrap();
            assert!(output.status.success(), "{}\n{xml}", text(&output.stderr));
            Some(text(&output.stdout).to_owned())
        }
    };
    (report, xml, parsed)
}

#[test]
fn a_junit_report_has_a_test_case_for_each_call() {
    let server = serve_audio(|number, frame| match number {
        10 => vec![(0x00, Vec::new())],
        _ => vec![(frame.0, vec![0x11; 320])],
    });
    let directory = TempDir::new().unwrap();
    let scenario = written(
        &directory,
        "{ expect = 'audio', within = '60s' }, { expect = 'tone', hz = 440, within = '60s' }",
    );
    let (report, xml, parsed) = junit(server, &["--scenario", &scenario, "--calls", "2"]);
    assert_eq!(report.code, 1);
    assert_eq!(xml.matches("<failure ").count(), 2, "{xml}");
    let reason = "step 2, expect a tone of 440 Hz within 60s: the server hung up (at ";
    assert_eq!(xml.matches(reason).count(), 2, "{xml}");
    let Some(parsed) = parsed else { return };
    let lines: Vec<_> = parsed.lines().collect();
    assert_eq!(lines.len(), 4, "{parsed}");
    assert_eq!(lines[0], "testsuite test 3 2");
    for number in [1, 2] {
        let case = format!("('test', 'call {number}', [('failure', '{reason}");
        assert!(lines[number].starts_with(&case), "{parsed}");
        assert!(
            lines[number].contains("step 1, expect audio within 60s: ok"),
            "{parsed}"
        );
    }
    let last = "('test', 'limits, frames and recordings', [], '')";
    assert_eq!(lines[3], last);
}

#[test]
fn texts_in_a_junit_report_are_escaped() {
    let server = serve_audio(|_, frame| vec![frame]);
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("hostile.toml");
    let name = r#"a</testsuite> & "b" ]]> '\u0001\u001b[31m\uFFFF"#;
    let steps = "[{ wait = '20ms' }]";
    let escaped = name.replace('"', "\\\"");
    std::fs::write(&path, format!("name = \"{escaped}\"\nsteps = {steps}")).unwrap();
    let (report, xml, parsed) = junit(server, &["--scenario", path.to_str().unwrap()]);
    assert_eq!(report.code, 0, "{}", report.figures);
    assert!(!xml.contains(['\u{1}', '\u{1b}']), "{xml:?}");
    let Some(parsed) = parsed else { return };
    assert!(
        parsed.starts_with(r#"testsuite a</testsuite> & "b" ]]> '"#),
        "{parsed}"
    );
    assert_eq!(parsed.lines().count(), 3, "{parsed}");
}

#[test]
fn a_junit_report_of_other_calls_has_lost_frames_and_limits() {
    let server = serve_audio(|number, frame| vec![frame; usize::from(number != 3)]);
    let args = [
        "--duration",
        "200ms",
        "--echo-timeout",
        "0s",
        "--calls",
        "2",
    ];
    let (report, xml, _) = junit(server, &args);
    assert_eq!(report.code, 1);
    assert_eq!(xml.matches("name=\"call ").count(), 2, "{xml}");
    let frames = format!("frames: {} missing", report.count("/frames/missing"));
    assert!(xml.contains(&frames), "{xml}");
    let output = run(["call", "127.0.0.1:9", "--junit", "/no/such/file.xml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("/no/such/file.xml"),
        "{output:?}"
    );
}
