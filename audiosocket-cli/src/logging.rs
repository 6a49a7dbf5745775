use std::io::{self, IsTerminal as _, Write as _, stderr};
use std::{env, panic};

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing::{Metadata, error, warn};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{FilterExt as _, FilterFn, ParseError, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The form of log lines.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    /// A JSON object on each line
    Json,
}

/// Sends log lines to standard error. The filter is `RUST_LOG`, or `directives` if that is not set.
pub(crate) fn init(format: LogFormat, directives: &str) {
    let variable = env::var("RUST_LOG").unwrap_or_default();
    let (filter, wrong) = filter(&variable, directives);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(stderr)
        .with_target(false)
        // Otherwise an error of standard error is written to standard error, which panics.
        .log_internal_errors(false);
    let registry = tracing_subscriber::registry();
    match format {
        LogFormat::Text => {
            let lines = lines.with_ansi(stderr().is_terminal());
            registry.with(lines.with_filter(filter)).init();
        }
        LogFormat::Json => {
            let lines = lines.with_ansi(false).json();
            let lines = lines.flatten_event(true).with_span_list(false);
            // The span of a call has the level DEBUG, since it costs some time for each frame. Each line in it has its
            // fields, so that a program finds all lines of a call.
            let spans = FilterFn::new(is_span_of_a_call).with_max_level_hint(LevelFilter::DEBUG);
            registry.with(lines.with_filter(filter.or(spans))).init();
            panic::set_hook(Box::new(|panic| error!("{panic}")));
        }
    }
    if let Some(error) = wrong {
        warn!(
            "RUST_LOG={variable:?} is ignored: {error}; use a level such as debug, or TARGET=LEVEL"
        );
    }
}

fn is_span_of_a_call(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with("audiosocket_server")
}

/// Writes the error that ends the program, after [`init`].
pub(crate) fn fatal(format: LogFormat, error: &io::Error) {
    match format {
        LogFormat::Text => {
            let _ = writeln!(stderr(), "audiosocket: {error}");
        }
        LogFormat::Json => error!("{error}"),
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
