use clap::Command;
use clap::error::ErrorKind;

/// Ends the program because two options contradict each other, which the parser cannot see in one option alone.
pub(crate) fn usage_error(problem: &str) -> ! {
    Command::new("audiosocket")
        .error(ErrorKind::ArgumentConflict, problem)
        .exit()
}
