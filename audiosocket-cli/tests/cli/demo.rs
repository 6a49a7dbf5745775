use super::process::{Report, run, text};

#[test]
fn a_short_demo_loses_no_frame() {
    let output = run(["demo", "--calls", "4", "--duration", "400ms", "--json"]);
    let report = Report::of(&output);
    assert_eq!((report.code, report.count("/calls/completed")), (0, 4));
    assert_eq!(report.count("/frames/echoed"), 80);
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn the_demo_prints_figures_with_limits_a_verdict_and_a_next_step() {
    let output = run(["demo", "--calls", "2", "--duration", "100ms"]);
    assert_eq!(output.status.code(), Some(0));
    let table = text(&output.stdout);
    for line in [
        "calls    2 completed, 0 failed (limit 0)",
        "frames   10 sent, 10 came back whole, 0 lost or changed (limit 0)",
        "latency  p50 ",
        "verdict  ok",
        "try      audiosocket serve echo",
    ] {
        assert!(table.contains(&format!("\n{line}")), "{line} in {table}");
    }
}
