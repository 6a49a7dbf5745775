//! A process that has no descriptor left. The limit is the process's, so that these cases run in
//! one of their own.

use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};
use std::process::Command;
use std::{env, thread};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Runner;
use crate::cases::{NOTHING, THEIRS};
use crate::test_server::TestServer;

cases! {
    on real sockets:
    without_descriptors_calls_go_on_and_new_calls_wait
}

const ECHOES: usize = 100;

/// Set in the process that has only one test to run.
const ALONE: &str = "AUDIOSOCKET_CONFORMANCE_ALONE";

/// Accepting fails. New calls are served when there are descriptors again.
fn without_descriptors_calls_go_on_and_new_calls_wait(runner: &Runner) {
    if env::var_os(ALONE).is_none() {
        return in_a_process_of_its_own();
    }
    let server = TestServer::new(runner);
    let mut first = server.call("echo");
    server.open(1);
    // The thread that accepts may still take one for the next connection, and keep it.
    for _ in 0..ECHOES {
        first.echoes(b"hello");
    }
    // The lowest that is free, so that all below it are taken. Not at the first look: `accept` takes
    // one for a moment even if no connection waits.
    let mut free = lowest_free();
    for _ in 0..ECHOES {
        first.echoes(b"hello");
        free = free.min(lowest_free());
    }
    let drought = Drought::begin(free);
    let mut second = server.call("echo");
    for _ in 0..ECHOES {
        first.echoes(b"hello");
    }
    // Its UUID has waited in the kernel.
    second.assert_no_records();
    drop(drought);
    second.echoes(b"at last");
    let records = ["audio slin \"at last\""];
    second.closes(&records);
    first.close();
    first.check(&["audio slin \"hello\""; 3 * ECHOES], THEIRS);
    server.survives("echo", b"", b"", &NOTHING);
}

/// Runs this test again, and no other beside it: whatever they close would be a descriptor too many.
fn in_a_process_of_its_own() {
    let thread = thread::current();
    // What libtest names the thread of a test by.
    let test = thread.name().unwrap();
    let output = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--test-threads=2"])
        .env(ALONE, "")
        .output()
        .unwrap();
    let output_text = String::from_utf8_lossy(&output.stdout);
    assert!(output_text.contains("1 passed"), "{output_text}");
}

/// The time for which this process has one descriptor left: for the peer, so that there is none
/// for the server's end of the connection.
struct Drought(Rlimit);

impl Drought {
    fn begin(free: RawFd) -> Self {
        let limit = getrlimit(Resource::Nofile);
        let current = Some(u64::try_from(free).unwrap() + 1);
        setrlimit(Resource::Nofile, Rlimit { current, ..limit }).unwrap();
        Self(limit)
    }
}

impl Drop for Drought {
    fn drop(&mut self) {
        setrlimit(Resource::Nofile, self.0).unwrap();
    }
}

fn lowest_free() -> RawFd {
    File::open("/dev/null").unwrap().as_raw_fd()
}
