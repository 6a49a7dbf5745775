use std::io::{self, Write as _};
use std::process;

/// The exit code of clap for a wrong command line.
const USAGE: i32 = 2;

/// Ends the program because of an error that clap cannot find: two options exclude each other, or a file of an option is
/// wrong. `command` is the command with the options, such as `audiosocket call`.
pub(crate) fn usage_error(command: &str, problem: &str) -> ! {
    let text = format!("error: {problem}\n\nFor more information, try '{command} --help'.");
    let _ = writeln!(io::stderr(), "{text}");
    process::exit(USAGE)
}
