//! The cases, by what they are about. The comment above a case says what it tests. A case fails by
//! panicking.

/// Makes a test of each case of a group, on each runner: `framing::core::a_byte_at_a_time`.
///
/// - `on every runner`: a server is enough;
/// - `on core alone`: the case needs a clock and a network that it controls;
/// - `on real sockets`: the case is about the server's process.
macro_rules! cases {
    (on every runner: $($case:ident)*) => {
        cases! { on core alone: $($case)* }
        cases! { on real sockets: $($case)* }
    };
    (on core alone: $($case:ident)*) => {
        cases! { core CORE $($case)* }
    };
    (on real sockets: $($case:ident)*) => {
        cases! { tokio_current_thread TOKIO_CURRENT_THREAD $($case)* }
        cases! { tokio_multi_thread TOKIO_MULTI_THREAD $($case)* }
        cases! { tokio_threads TOKIO_THREADS $($case)* }
        cases! { smol SMOL $($case)* }
        cases! { async_std ASYNC_STD $($case)* }
        cases! { blocking BLOCKING $($case)* }
        cases! { mio MIO $($case)* }
        // Calls are polled in batches on Linux only.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        cases! { tokio_wake_interval TOKIO_WAKE_INTERVAL $($case)* }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        cases! { tokio_threads_wake_interval TOKIO_THREADS_WAKE_INTERVAL $($case)* }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        cases! { smol_wake_interval SMOL_WAKE_INTERVAL $($case)* }
    };
    ($module:ident $runner:ident $($case:ident)*) => {
        mod $module {
            $(
                #[test]
                fn $case() {
                    super::$case(&crate::Runner::$runner);
                }
            )*
        }
    };
}

mod calls;
mod server;
mod virtual_time;

use std::time::Duration;

use crate::frames::audio;
use crate::test_server::TestServer;

/// The records of a call that was taken: `between` are those between its start and its end.
fn call<L: AsRef<str>>(name: &str, between: &[L], end: &str) -> Vec<String> {
    let mut records = vec![format!("accept {name}"), "start".to_owned()];
    records.extend(between.iter().map(|record| record.as_ref().to_owned()));
    records.push(format!("end: {end}"));
    records
}

/// A call that survives what is sent on it: `back` comes back, and then an echo.
fn survives<L: AsRef<str>>(
    server: &TestServer,
    name: &str,
    sent: &[u8],
    back: &[u8],
    records: &[L],
) {
    let mut connection = server.call(name);
    let alive = audio(b"alive");
    connection.send(&[sent, &alive].concat());
    connection.expect(&[back, &alive].concat());
    connection.half_close();
    connection.expect_end();
    let mut records: Vec<_> = records.iter().map(AsRef::as_ref).collect();
    records.push("audio slin \"alive\"");
    connection.transcript(&call(name, &records, "closed by the peer"));
}

/// A call that ends by what is sent on it: `back` comes back, and then the end. What follows in the
/// same write and after the end is read and reaches no callback.
fn ends<L: AsRef<str>>(
    server: &TestServer,
    name: &str,
    sent: &[u8],
    back: &[u8],
    records: &[L],
    end: &str,
) {
    let mut connection = server.call(name);
    connection.send(&[sent, &audio(b"after the end")].concat());
    connection.expect(back);
    connection.expect_end();
    connection.send(&audio(b"long after the end"));
    connection.close();
    connection.transcript(&call(name, records, end));
}

/// No records.
const NOTHING: [&str; 0] = [];

/// A deadline for cases that wait until it has passed. No case relies on its passing late.
const SHORT: Duration = Duration::from_millis(50);
