use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::EnvFilter;

/// Sends log lines to standard error, filtered by `RUST_LOG`, or by `directives` without it.
pub(crate) fn init(directives: &str) {
    let variable = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    let filter = EnvFilter::builder().parse_lossy(match &*variable {
        "" => directives,
        variable => variable,
    });
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_target(false)
        // Which it would write to standard error, and panic if that is what cannot be written.
        .log_internal_errors(false)
        .init();
}
