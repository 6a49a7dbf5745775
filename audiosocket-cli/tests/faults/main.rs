//! Faults of the machine and of the network, met by the program as a process; see the table in
//! `README.md` beside this file.
//!
//! They need root and the kernel's namespaces, which not every machine lets a test have, so that
//! they are run when asked for only: `cargo test -p audiosocket-cli --test faults -- --ignored`.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "clippy does not take helpers for parts of tests"
)]

/// Runs each test on every runtime that the program has.
macro_rules! as_root_on_every_runtime {
    ($($test:ident),* $(,)?) => {
        as_root_on_every_runtime!(@ tokio $($test)*);
        as_root_on_every_runtime!(@ smol $($test)*);
        as_root_on_every_runtime!(@ blocking $($test)*);
    };
    (@ $runtime:ident $($test:ident)*) => {
        mod $runtime { $(
            #[test]
            #[ignore = "needs root and namespaces"]
            fn $test() { super::$test(stringify!($runtime)); }
        )* }
    };
}

#[allow(dead_code, reason = "shared with the other tests of the program")]
#[path = "../cli/caller.rs"]
mod caller;
mod cgroup;
#[allow(dead_code, reason = "shared with the other tests of the program")]
#[path = "../cli/crowd.rs"]
mod crowd;
mod disk;
mod line;
mod namespace;
mod network;
#[allow(dead_code, reason = "shared with the other tests of the program")]
#[path = "../cli/process.rs"]
mod process;
#[allow(dead_code, reason = "shared with the other tests of the program")]
#[path = "../cli/recordings.rs"]
mod recordings;
mod restart;
#[allow(dead_code, reason = "shared with the other tests of the program")]
#[path = "../cli/server.rs"]
mod server;
