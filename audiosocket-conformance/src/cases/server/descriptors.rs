//! A process without free descriptors. The limit applies to the whole process, so each case runs in its own process.

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

/// Set in the process of one test.
const ALONE: &str = "AUDIOSOCKET_CONFORMANCE_ALONE";

/// The server cannot accept. It serves new calls when there are descriptors again.
fn without_descriptors_calls_go_on_and_new_calls_wait(runner: &Runner) {
    if env::var_os(ALONE).is_none() {
        return run_in_a_new_process();
    }
    let server = TestServer::new(runner);
    let mut first = server.call("echo");
    server.open(1);
    // The thread that accepts may still take a descriptor, and keep it.
    for _ in 0..ECHOES {
        first.echoes(b"hello");
    }
    // The lowest free descriptor, so that all below it are in use. It needs several attempts, because
    // `accept` takes a descriptor for a moment even if no connection waits.
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
    // Its UUID is still in the kernel.
    second.assert_no_records();
    drop(drought);
    second.echoes(b"at last");
    let records = ["audio slin \"at last\""];
    second.closes(&records);
    first.close();
    first.check(&["audio slin \"hello\""; 3 * ECHOES], THEIRS);
    server.survives("echo", b"", b"", &NOTHING);
}

/// Runs this test alone in a new process. Other tests would close descriptors.
fn run_in_a_new_process() {
    let thread = thread::current();
    // libtest gives the thread the name of the test.
    let test = thread.name().unwrap();
    let output = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--test-threads=2"])
        .env(ALONE, "")
        .output()
        .unwrap();
    let output_text = String::from_utf8_lossy(&output.stdout);
    assert!(output_text.contains("1 passed"), "{output_text}");
}

/// Limits this process to one free descriptor until it is dropped. The peer uses it, so there is none for
/// the server's end of the connection.
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
