//! What the tests against a real Asterisk share: [`asterisk`] places calls and
//! reads the log, [`program`] and [`recorder`] are the servers under test, [`wire`] an AudioSocket
//! end that shares no code with it, [`tap`] listens in between, [`sip`] and [`rtp`] are telephones,
//! [`audio`] is what is said.
//!
//! The tests themselves need the feature `real-asterisk` and are run by
//! `interop/run`, which brings an Asterisk up for them.

pub mod asterisk;
pub mod audio;
pub mod program;
pub mod recorder;
pub mod rtp;
pub mod sip;
pub mod tap;
pub mod wire;

use std::time::{Duration, Instant};

/// How long any single thing may take before a test calls it broken: long
/// enough for a busy machine, since nothing ever waits for it to pass.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What serves the calls: a value of `audiosocket serve --runtime`. `interop/run` names each in turn.
#[must_use]
pub fn runtime() -> String {
    std::env::var("AUDIOSOCKET_RUNTIME").unwrap_or_else(|_| "tokio".to_owned())
}

/// Asks until there is an answer.
///
/// # Panics
/// After [`PATIENCE`], with `what` was awaited.
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            Instant::now() < deadline,
            "waited {PATIENCE:?} in vain for {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
