use std::env;
use std::io::{IsTerminal as _, stderr};

use tracing::{Level, warn};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Sends log lines to standard error: the ones that `RUST_LOG` names, or those from `level` up.
///
/// `RUST_LOG` is a level (`debug`), or a list of targets with levels (`audiosocket_net=debug,warn`).
pub(crate) fn init(level: Level) {
    let named = env::var("RUST_LOG").ok().filter(|text| !text.is_empty());
    let (filter, wrong) = match named.as_deref().map(str::parse::<Targets>) {
        Some(Ok(targets)) => (targets, None),
        Some(Err(error)) => (Targets::new().with_default(level), Some(error)),
        None => (Targets::new().with_default(level), None),
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
