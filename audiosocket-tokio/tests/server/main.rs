//! A server on real sockets, on both runtimes of tokio.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::Future;
use std::time::Duration;

use tokio::runtime::Builder;

/// Runs each test on the current-thread and on the multi-thread runtime.
macro_rules! on_both_runtimes {
    ($($test:ident),* $(,)?) => {
        mod current_thread { $(#[test] fn $test() {
            crate::run(&mut tokio::runtime::Builder::new_current_thread(), super::$test());
        })* }
        mod multi_thread { $(#[test] fn $test() {
            crate::run(tokio::runtime::Builder::new_multi_thread().worker_threads(2), super::$test());
        })* }
    };
}

mod calls;
mod running;
mod shutdown;
#[path = "../support/mod.rs"]
mod support;

const HANGUP: [u8; 3] = [0x00, 0, 0];

fn run(builder: &mut Builder, test: impl Future<Output = ()>) {
    builder.enable_all().build().unwrap().block_on(async {
        tokio::time::timeout(Duration::from_secs(60), test)
            .await
            .expect("hangs");
    });
}
