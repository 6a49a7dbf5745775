//! The cases, in groups. A case fails by panicking.

/// Makes a test of each case of a group, on each runner: `framing::core::audio_of_1_to_65535_bytes_is_echoed`.
///
/// A case takes a `&TestServer` with the default settings, or a `&Runner` to start a server itself.
///
/// - `on every runner`: the case needs a server only;
/// - `on core alone`: the case controls the clock and the network;
/// - `on real sockets`: the case is about the process of the server.
macro_rules! cases {
    (on every runner: $($case:ident)*) => {
        cases! { on core alone: $($case)* }
        cases! { on real sockets: $($case)* }
    };
    (on core alone: $($case:ident)*) => {
        cases! { core Core $($case)* }
    };
    (on real sockets: $($case:ident)*) => {
        #[cfg(feature = "adapters")]
        cases! { tokio_current_thread TokioCurrentThread $($case)* }
        #[cfg(feature = "adapters")]
        cases! { tokio_multi_thread TokioMultiThread $($case)* }
        #[cfg(feature = "adapters")]
        cases! { tokio_threads TokioThreads $($case)* }
        #[cfg(feature = "adapters")]
        cases! { smol Smol $($case)* }
        #[cfg(feature = "adapters")]
        cases! { async_std AsyncStd $($case)* }
        #[cfg(feature = "adapters")]
        cases! { blocking Blocking $($case)* }
        #[cfg(feature = "adapters")]
        cases! { mio Mio $($case)* }
        // Calls are polled in batches on Linux only.
        #[cfg(all(feature = "adapters", any(target_os = "linux", target_os = "android")))]
        cases! { tokio_wake_interval TokioWakeInterval $($case)* }
        #[cfg(all(feature = "adapters", any(target_os = "linux", target_os = "android")))]
        cases! { tokio_threads_wake_interval TokioThreadsWakeInterval $($case)* }
        #[cfg(all(feature = "adapters", any(target_os = "linux", target_os = "android")))]
        cases! { smol_wake_interval SmolWakeInterval $($case)* }
    };
    ($module:ident $runner:ident $($case:ident)*) => {
        mod $module {
            $(
                #[test]
                fn $case() {
                    super::$case(&crate::Runner::$runner.into());
                }
            )*
        }
    };
}

mod calls;
mod playing;
mod server;
mod virtual_time;

use std::time::Duration;

// The ends of calls, as `on_end` records them.
const OURS: &str = "hung up by this side";
const THEIRS: &str = "closed by the peer";
const PEER_HUNG_UP: &str = "hung up by the peer";
const BY_SHUTDOWN: &str = "hung up by shutdown";
const PANICKED: &str = "handler panicked";

/// No records.
const NOTHING: [&str; 0] = [];

/// The deadline in cases that wait for it. A case does not fail if the deadline passes late.
const SHORT: Duration = Duration::from_millis(50);

/// Returns the records of a call that was accepted. `between` are the records between its start and its end.
pub(crate) fn call<L: AsRef<str>>(name: &str, between: &[L], end: &str) -> Vec<String> {
    let mut records = vec![format!("accept {name}"), "start".to_owned()];
    records.extend(between.iter().map(|record| record.as_ref().to_owned()));
    records.push(format!("end: {end}"));
    records
}
