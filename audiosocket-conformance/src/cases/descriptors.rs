//! A process that has no descriptor left. The limit is the process's, so that these cases run in
//! one of their own, one at a time.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::{Mutex, PoisonError};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{NOTHING, call};
use crate::Runner;
use crate::bench::Bench;
use crate::frames::audio;

static ALONE: Mutex<()> = Mutex::new(());

/// Accepting fails; calls that are going on do not notice, and new ones wait, until there are
/// descriptors again. Then they are served.
pub(crate) fn calls_go_on_and_new_ones_wait(runner: &Runner) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    out_of_descriptors(runner, 1);
}

/// One drought after another.
pub(crate) fn it_happens_again(runner: &Runner) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    out_of_descriptors(runner, 3);
}

fn out_of_descriptors(runner: &Runner, times: usize) {
    const ECHOES: usize = 100;
    let bench = Bench::new(runner);
    let mut first = bench.call("echo");
    for _ in 0..times {
        // Whose descriptors are not about to be closed.
        bench.open(1);
        let drought = Drought::begin();
        let mut second = bench.call("echo");
        for _ in 0..ECHOES {
            first.send(&audio(b"hello"));
            first.expect(&audio(b"hello"));
        }
        // Its UUID has waited in the kernel.
        second.told_nothing();
        drop(drought);
        second.send(&audio(b"at last"));
        second.expect(&audio(b"at last"));
        second.close();
        let told = ["audio slin \"at last\""];
        second.transcript(&call("echo", &told, "closed by the peer"));
    }
    first.close();
    let told = vec!["audio slin \"hello\""; times * ECHOES];
    first.transcript(&call("echo", &told, "closed by the peer"));
    super::survives(&bench, "echo", b"", b"", &NOTHING);
}

/// The time for which this process has one descriptor left: for the peer, so that there is none
/// for the server's end of the connection.
struct Drought(Rlimit);

impl Drought {
    fn begin() -> Self {
        let limit = getrlimit(Resource::Nofile);
        // The lowest that is free; so all below it are taken.
        let free = File::open("/dev/null").unwrap().as_raw_fd();
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
