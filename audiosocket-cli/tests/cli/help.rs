//! The help of each command fits one screen and has examples.

use super::process::{run, text};

const COMMANDS: [&[&str]; 11] = [
    &[],
    &["serve"],
    &["serve", "echo"],
    &["serve", "record"],
    &["serve", "play"],
    &["serve", "bot"],
    &["call"],
    &["demo"],
    &["decode"],
    &["tap"],
    &["top"],
];

/// Returns the help of `command`, which `flag` prints.
fn help<'a>(command: &[&'a str], flag: &'a str) -> String {
    let output = run(command.iter().copied().chain([flag]));
    assert_eq!(output.status.code(), Some(0), "{command:?} {flag}");
    text(&output.stdout).to_owned()
}

#[test]
fn the_short_help_fits_a_screen_of_24_lines_and_has_three_examples() {
    for command in COMMANDS {
        let help = help(command, "-h");
        assert!(help.lines().count() <= 24, "{help}");
        let (_, end) = help.split_once("Examples:\n").unwrap();
        let examples = end
            .lines()
            .filter(|line| line.starts_with("  audiosocket "));
        assert_eq!(examples.count(), 3, "{help}");
        assert!(end.ends_with(".md\n"), "the link to the guide: {help}");
    }
}

#[test]
fn the_long_help_has_all_options_on_a_line_each() {
    for command in COMMANDS {
        let help = help(command, "--help");
        let is_option = |line: &&str| line.trim_start().starts_with('-') && line.contains("  ");
        let options = help.lines().filter(is_option).count();
        let headings = help.lines().filter(|line| line.ends_with(':')).count();
        // Two lines for each heading, and the others are those of the short help.
        assert!(
            help.lines().count() <= options + 2 * headings + 13,
            "{help}"
        );
    }
    let help = help(&["serve", "echo"], "--help");
    for option in [
        "--runtime",
        "--wake-interval",
        "--max-pending-per-addr",
        "--help",
    ] {
        assert!(help.contains(option), "{option}: {help}");
    }
}

#[test]
fn no_line_of_the_help_is_longer_than_80_columns() {
    for command in COMMANDS {
        for flag in ["-h", "--help"] {
            let help = help(command, flag);
            let long = help.lines().find(|line| line.chars().count() > 80);
            assert_eq!(long, None, "{command:?} {flag}");
        }
    }
}
