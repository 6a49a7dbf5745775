//! The parts that the tests with a real Asterisk share.
//!
//! | module | content |
//! |---|---|
//! | [`asterisk`] | the running Asterisk: places calls and reads its log |
//! | [`program`], [`recorder`] | the servers under test |
//! | [`haproxy`] | a load balancer, and the servers behind it |
//! | [`wire`] | an AudioSocket server that shares no code with the tested crates |
//! | [`tap`] | a proxy between Asterisk and a server, which notes all frames |
//! | [`sip`], [`rtp`] | telephones |
//! | [`audio`] | the audio of callers, and checks of received audio |
//!
//! The tests need the feature `real-asterisk`. `interop/run` starts Asterisk and runs them.

pub mod asterisk;
pub mod audio;
pub mod haproxy;
pub mod program;
pub mod recorder;
pub mod rtp;
pub mod sip;
pub mod tap;
pub mod wire;

use std::time::{Duration, Instant};

/// The maximum time of each wait. It is long, because a busy machine is slow.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Returns the runtime under test: a value of `audiosocket serve --runtime`, from
/// `AUDIOSOCKET_RUNTIME`.
#[must_use]
pub fn runtime() -> String {
    std::env::var("AUDIOSOCKET_RUNTIME").unwrap_or_else(|_| "tokio".to_owned())
}

/// Calls `ask` repeatedly until it returns a value. `what` is for the error message.
///
/// # Panics
/// After [`PATIENCE`].
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
