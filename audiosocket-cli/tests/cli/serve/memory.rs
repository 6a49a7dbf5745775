//! `audiosocket serve` where the memory is bounded.

use std::fs;
use std::process::Command;

use crate::crowd::crowd_out;
use crate::process::{ServeProcess, audiosocket, call};

on_every_runtime! {
    calls_are_refused_before_the_address_space_is_full,
}

fn calls_are_refused_before_the_address_space_is_full(runtime: &str) {
    // For some hundred calls, of which each has a stack if it has a thread.
    let room = if runtime == "blocking" { 40 } else { 1 };
    crowd_out(serve_with_room(runtime, room));
}

/// What the system says of the process's memory, in bytes.
pub(crate) fn status(server: &ServeProcess, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().unwrap() * 1024
}

/// An echo that has so many MiB of address space for calls, before it refuses any.
pub(crate) fn serve_with_room(runtime: &str, room: u64) -> ServeProcess {
    let idle = serve(runtime, "unlimited");
    // By the end of a call it has all that it has whatever the number of calls.
    assert_eq!(call(idle.addr(), &["--duration", "100ms"]).code, 0);
    let size = status(&idle, "VmSize:");
    idle.terminate();
    let taken = size + (room << 20);
    // A tenth is kept for the calls that there are, and 16 MiB at the least.
    let max = (taken * 10 / 9).max(taken + (16 << 20));
    serve(runtime, &max.to_string())
}

/// An echo that may have `max` bytes of address space. One arena, so that what the C library reserves for
/// threads does not count.
fn serve(runtime: &str, max: &str) -> ServeProcess {
    let server = audiosocket(["serve", "echo", "--runtime", runtime]);
    let mut limited = Command::new("prlimit");
    limited.arg(format!("--as={max}"));
    limited.arg(server.get_program()).args(server.get_args());
    limited.env_remove("RUST_LOG").env("MALLOC_ARENA_MAX", "1");
    ServeProcess::run(limited, 1)
}
