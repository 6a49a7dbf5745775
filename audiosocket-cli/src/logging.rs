use std::env;
use std::io::{IsTerminal as _, stderr};

use tracing::warn;
use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Sends log lines to standard error. The filter is `RUST_LOG`, or `directives` if that is not set.
pub(crate) fn init(directives: &str) {
    let variable = env::var("RUST_LOG").unwrap_or_default();
    let (filter, wrong) = filter(&variable, directives);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_target(false)
        // Otherwise an error of standard error is written to standard error, which panics.
        .log_internal_errors(false);
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .init();
    if let Some(error) = wrong {
        warn!(
            "RUST_LOG={variable:?} is ignored: {error}; use a level such as debug, or TARGET=LEVEL"
        );
    }
}

/// Returns the filter of `variable`. If that is empty or wrong, returns the filter of `directives`. Both are a level
/// (`debug`), or a list of targets with levels (`audiosocket_server=debug,warn`).
fn filter(variable: &str, directives: &str) -> (Targets, Option<ParseError>) {
    let default = || {
        directives
            .parse()
            .expect("the default directives are valid")
    };
    if variable.is_empty() {
        return (default(), None);
    }
    match variable.parse() {
        Ok(filter) => (filter, None),
        Err(error) => (default(), Some(error)),
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    /// Asserts the most verbose level of the program and of the crate `audiosocket_server`.
    fn assert_levels(variable: &str, is_wrong: bool, program: Level, server: Level) {
        let (filter, wrong) = filter(variable, "info");
        assert_eq!(wrong.is_some(), is_wrong, "{variable}");
        for (target, level) in [("audiosocket", program), ("audiosocket_server::io", server)] {
            let levels = [Level::WARN, Level::INFO, Level::DEBUG];
            let enabled = levels
                .into_iter()
                .filter(|level| filter.would_enable(target, level));
            assert_eq!(enabled.max(), Some(level), "{variable}: {target}");
        }
    }

    #[test]
    fn rust_log_sets_levels_and_a_wrong_or_empty_one_leaves_the_default() {
        assert_levels("", false, Level::INFO, Level::INFO);
        assert_levels("warn", false, Level::WARN, Level::WARN);
        assert_levels(
            "audiosocket_server=debug,warn",
            false,
            Level::WARN,
            Level::DEBUG,
        );
        assert_levels("audiosocket=loud", true, Level::INFO, Level::INFO);
    }
}
