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

    #[test]
    fn an_empty_variable_leaves_the_default() {
        let (filter, wrong) = filter("", "info");
        assert!(wrong.is_none());
        assert!(filter.would_enable("audiosocket", &Level::INFO));
        assert!(!filter.would_enable("audiosocket", &Level::DEBUG));
    }

    #[test]
    fn a_level_replaces_the_default() {
        let (filter, wrong) = filter("warn", "info");
        assert!(wrong.is_none());
        assert!(filter.would_enable("audiosocket", &Level::WARN));
        assert!(!filter.would_enable("audiosocket", &Level::INFO));
    }

    #[test]
    fn a_target_has_a_level_of_its_own() {
        let (filter, wrong) = filter("audiosocket_server=debug,warn", "info");
        assert!(wrong.is_none());
        assert!(filter.would_enable("audiosocket_server::io", &Level::DEBUG));
        assert!(!filter.would_enable("audiosocket_tokio", &Level::INFO));
    }

    #[test]
    fn a_wrong_variable_leaves_the_default() {
        let (filter, wrong) = filter("audiosocket=loud", "info");
        assert!(wrong.is_some());
        assert!(filter.would_enable("audiosocket", &Level::INFO));
        assert!(!filter.would_enable("audiosocket", &Level::DEBUG));
    }
}
