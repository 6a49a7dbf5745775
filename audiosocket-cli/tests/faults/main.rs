//! Runs the program with faults of the machine and of the network. The `README.md` of this directory has a table of them.
//!
//! The tests need root and namespaces of the kernel, so they only run with `--ignored`:
//! `cargo test -p audiosocket-cli --test faults -- --ignored`.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "clippy allows this in tests, and does not count helpers of tests"
)]

/// Runs each test on every runtime of the program.
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

#[allow(dead_code, reason = "the other tests of the program use the rest")]
#[path = "../cli/caller.rs"]
mod caller;
mod cgroup;
#[allow(dead_code, reason = "the other tests of the program use the rest")]
#[path = "../cli/crowd.rs"]
mod crowd;
mod disk;
mod line;
mod network;
#[allow(dead_code, reason = "the other tests of the program use the rest")]
#[path = "../cli/process.rs"]
mod process;
#[allow(dead_code, reason = "the other tests of the program use the rest")]
#[path = "../cli/recordings.rs"]
mod recordings;
mod restart;
#[allow(dead_code, reason = "the other tests of the program use the rest")]
#[path = "../cli/server.rs"]
mod server;
mod upgrade;
