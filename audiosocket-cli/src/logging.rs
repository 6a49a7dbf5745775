use std::io::{IsTerminal as _, stderr};

use tracing::Level;
use tracing_subscriber::EnvFilter;

/// Sends log lines to standard error: those that `RUST_LOG` names, or else those from `level` up.
pub(crate) fn init(level: Level) {
    let filter = EnvFilter::builder()
        .with_default_directive(level.into())
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_target(false)
        // Which it would write to standard error, and panic if that is what cannot be written.
        .log_internal_errors(false)
        .init();
}
