//! The summary and the details that `audiosocket call` prints.

use crate::process::{run, text};
use crate::server::{Frame, serve_audio};

#[test]
fn the_summary_has_the_results_in_about_ten_lines() {
    let server = serve_audio(|_, frame| vec![frame]).port();
    // The name `localhost` can also mean ::1, where no server listens.
    let server = format!("localhost:{server}");
    let options = ["--duration", "200ms", "--seed", "3", "--dtmf", "12#"];
    let (summary, code) = printed(&server, &options);
    assert_eq!(code, 0, "{summary}");
    assert!((9..=12).contains(&summary.lines().count()), "{summary}");
    for line in [
        &format!("server        {server}, an echo is expected (--seed 3)"),
        "calls         1 made, 1 answered, 1 completed, 0 failed",
        "sent          10 frames, 20 ms each, 8000 Hz, 3 keys",
        "received      10 frames, 0 of them silence",
        "echo          10 frames whole, 0 missing, 0 wrong, 0 extra",
        "first audio   p50 ",
        "latency       p50 ",
        "lateness      p50 ",
        "jitter        p50 ",
        "verdict       ok: all calls completed, every frame came back whole",
    ] {
        assert!(summary.contains(line), "{line} in {summary}");
    }
    let details = printed(&server, &[&options[..], &["--details"]].concat()).0;
    let words = words(&details);
    for figure in [
        "calls 1 completed",
        "p50 p99 p99.9 max",
        "10 sent",
        "10 echoed",
        "after connecting",
        "(seed 3) ok: all calls completed",
    ] {
        assert!(words.contains(figure), "{figure} in {words}");
    }
}

#[test]
fn the_verdict_has_the_reason_and_what_to_do() {
    let speech = |_, (kind, payload): Frame| vec![(kind, vec![0x55; payload.len()])];
    let silence = |_, (kind, payload): Frame| vec![(kind, vec![0; payload.len()])];
    let hangup = |_, frame| vec![frame, (0x00, Vec::new())];
    let cases = [
        (
            serve_audio(speech),
            "the server's audio is not an echo of what was sent (0 of 10 frames came back whole)",
            "use --expect any if it is not an echo server",
        ),
        (
            serve_audio(silence),
            "nothing but silence came",
            "if it is not an echo server: use --expect any",
        ),
        (
            serve_audio(|_, _| Vec::new()),
            "no audio came",
            "read the log of the server",
        ),
        (
            serve_audio(hangup),
            "the server ended 1 of 1 calls before the caller did",
            "use --expect any if the server may end calls",
        ),
        (
            serve_audio(|number, frame| vec![frame; usize::from(number != 5)]),
            "frames: 1 missing, 0 wrong, 0 extra",
            "the server loses or changes audio",
        ),
    ];
    // Each server has its own address. A busy machine may take seconds to answer.
    std::thread::scope(|scope| {
        for (server, verdict, next) in cases {
            scope.spawn(move || {
                let options = ["--duration", "200ms", "--echo-timeout", "5s"];
                let (summary, code) = printed(&server.to_string(), &options);
                assert_eq!(code, 1, "{summary}");
                let end = format!("\nverdict       NOT OK: {verdict}\nnext          {next}");
                assert!(summary.contains(&end), "{end} in {summary}");
            });
        }
    });
}

/// Returns the words of a table, without its lines.
pub(super) fn words(table: &str) -> String {
    let cells = table.split(['│', '┆']);
    let words: Vec<_> = cells.flat_map(str::split_whitespace).collect();
    words.join(" ")
}

/// Runs `audiosocket call`, and returns its standard output and its exit code.
pub(super) fn printed(server: &str, options: &[&str]) -> (String, i32) {
    let output = run(["call", server].into_iter().chain(options.iter().copied()));
    assert_eq!(
        text(&output.stderr),
        "",
        "no progress bar without a terminal"
    );
    (
        text(&output.stdout).to_owned(),
        output.status.code().unwrap(),
    )
}
