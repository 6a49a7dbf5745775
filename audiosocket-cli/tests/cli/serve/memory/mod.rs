//! `audiosocket serve` with a limit of its address space.

mod flood;
#[cfg(feature = "jemalloc")]
mod given_back;

use std::fs;
use std::process::Command;

use crate::crowd::crowd_out;
use crate::process::{ServeProcess, audiosocket, call};

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

/// Starts an echo server that has `room` MiB of address space for calls before it refuses calls.
pub(crate) fn serve_with_room(runtime: &str, room: u64, args: &[&str]) -> ServeProcess {
    let idle = serve(runtime, "unlimited", args);
    // After a call, the server has all memory that does not depend on the number of calls.
    assert_eq!(call(idle.addr(), &["--duration", "100ms"]).code, 0);
    let size = status(&idle, "VmSize:");
    idle.terminate();
    let used = size + (room << 20);
    // The reserve for open calls is a tenth, and at least 16 MiB.
    let max = (used * 10 / 9).max(used + (16 << 20));
    serve(runtime, &max.to_string(), args)
}

/// Starts an echo server with at most `max` bytes of address space. The C library has one arena, since it reserves address space
/// for each arena.
fn serve(runtime: &str, max: &str, args: &[&str]) -> ServeProcess {
    let server = audiosocket(["serve", "echo", "--runtime", runtime]);
    let mut limited = Command::new("prlimit");
    limited.arg(format!("--as={max}"));
    limited.arg(server.get_program()).args(server.get_args());
    limited.args(args);
    limited.env_remove("RUST_LOG").env("MALLOC_ARENA_MAX", "1");
    ServeProcess::run(limited, 1)
}
