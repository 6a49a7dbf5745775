use std::env;
use std::io::{IsTerminal as _, stderr};

use tracing::{Level, warn};
use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Sends log lines to standard error: the ones that `RUST_LOG` names, or those from `level` up.
pub(crate) fn init(level: Level) {
    let variable = env::var("RUST_LOG").unwrap_or_default();
    let (filter, wrong) = match filter(&variable, level) {
        Ok(filter) => (filter, None),
        Err(error) => (Targets::new().with_default(level), Some(error)),
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_target(false)
        // It would write to standard error, and panic if standard error cannot be written.
        .log_internal_errors(false);
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .init();
    if let Some(error) = wrong {
        warn!("RUST_LOG is ignored: {error}");
    }
}

/// `variable` is a level (`debug`), or a list of targets with levels (`audiosocket_net=debug,warn`).
fn filter(variable: &str, level: Level) -> Result<Targets, ParseError> {
    if variable.is_empty() {
        return Ok(Targets::new().with_default(level));
    }
    variable.parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_leaves_the_default_level() {
        let filter = filter("", Level::INFO).unwrap();
        assert!(filter.would_enable("audiosocket", &Level::INFO));
        assert!(!filter.would_enable("audiosocket", &Level::DEBUG));
    }

    #[test]
    fn a_level_replaces_the_default_level() {
        let filter = filter("warn", Level::INFO).unwrap();
        assert!(filter.would_enable("audiosocket", &Level::WARN));
        assert!(!filter.would_enable("audiosocket", &Level::INFO));
    }

    #[test]
    fn a_target_has_a_level_of_its_own() {
        let filter = filter("audiosocket_net=debug,warn", Level::INFO).unwrap();
        assert!(filter.would_enable("audiosocket_net::accept", &Level::DEBUG));
        assert!(!filter.would_enable("audiosocket_tokio", &Level::INFO));
    }

    #[test]
    fn an_unknown_level_is_an_error() {
        assert!(filter("audiosocket=loud", Level::INFO).is_err());
    }
}
