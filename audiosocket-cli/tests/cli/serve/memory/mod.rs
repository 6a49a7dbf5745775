//! `audiosocket serve` with a limit of its address space.

mod flood;
#[cfg(feature = "jemalloc")]
mod given_back;

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::crowd::crowd_out;
use crate::process::{PATIENCE, ServeProcess, audiosocket, call};

on_every_runtime! {
    calls_are_refused_before_the_address_space_is_full,
}

fn calls_are_refused_before_the_address_space_is_full(runtime: &str) {
    // Room for some hundred calls. With a thread for each call, each has a stack.
    let room = if runtime == "blocking" { 40 } else { 1 };
    crowd_out(serve_with_room(runtime, room, &[]));
}

/// Returns a value of `/proc/PID/status` in bytes.
pub(crate) fn status(server: &ServeProcess, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().unwrap() * 1024
}

/// Starts an echo server that has `room` MiB of address space for calls before it refuses calls, and that has had one call.
/// The C library has one arena, since it reserves address space for each arena.
pub(crate) fn serve_with_room(runtime: &str, room: u64, args: &[&str]) -> ServeProcess {
    let server = audiosocket(["serve", "echo", "--runtime", runtime]);
    // Without a limit, the server examines its limits every 5 s only.
    let mut limited = Command::new("prlimit");
    limited.arg(format!("--as={}", 1_u64 << 40));
    limited.arg(server.get_program()).args(server.get_args());
    limited.args(args);
    limited.env_remove("RUST_LOG").env("MALLOC_ARENA_MAX", "1");
    let server = ServeProcess::run(limited, 1);
    // After a call, the server has all memory that does not depend on the number of calls. Another process would not do: on a
    // busy machine, it may have one thread more, whose stack is as large as the calls.
    assert_eq!(call(server.addr(), &["--duration", "100ms"]).code, 0);
    let used = settled_size(&server) + (room << 20);
    // The reserve for open calls is a tenth, and at least 16 MiB.
    let max = (used * 10 / 9).max(used + (16 << 20));
    let pid = Pid::from_raw(server.id().try_into().unwrap());
    let limit = Rlimit {
        current: Some(max),
        maximum: Some(max),
    };
    prlimit(pid, Resource::As, limit).unwrap();
    server
}

/// Waits until the address space of the server does not change any more, and returns its size.
fn settled_size(server: &ServeProcess) -> u64 {
    let deadline = Instant::now() + PATIENCE;
    let mut size = status(server, "VmSize:");
    loop {
        thread::sleep(Duration::from_secs(1));
        let before = std::mem::replace(&mut size, status(server, "VmSize:"));
        if size == before {
            return size;
        }
        assert!(Instant::now() < deadline, "the size changes: {size}");
    }
}
