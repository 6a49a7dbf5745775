use super::process::{Report, run, text};

#[test]
fn a_short_demo_loses_nothing() {
    let output = run(["demo", "--calls", "4", "--duration", "400ms", "--json"]);
    let report = Report::of(&output);
    assert_eq!((report.code, report.count("/calls/completed")), (0, 4));
    assert_eq!(report.count("/frames/echoed"), 80);
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn the_demo_prints_the_table() {
    let output = run(["demo", "--calls", "2", "--duration", "100ms"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        text(&output.stdout).contains("\nok: 2 x 0.1 s of slin in frames of 20 ms, to 127.0.0.1:")
    );
}
