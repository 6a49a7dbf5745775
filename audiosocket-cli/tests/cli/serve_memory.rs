//! `audiosocket serve` where the memory is bounded.

use std::fs;
use std::process::Command;

use super::crowd::crowd_out;
use super::process::{AcceptLoop, audiosocket, call};

on_every_runtime! {
    calls_are_refused_before_the_address_space_is_full,
    a_flood_does_not_fill_it_either,
}

fn calls_are_refused_before_the_address_space_is_full(runtime: &str) {
    // For some hundred calls, of which each has a stack if it has a thread.
    let room = if runtime == "blocking" { 40 } else { 1 };
    crowd_out(serve_with_room(runtime, room));
}

/// Far more callers than fit, who come far faster than anybody looks at the memory.
fn a_flood_does_not_fill_it_either(runtime: &str) {
    let server = serve_with_room(runtime, if runtime == "blocking" { 30 } else { 1 });
    let flood = ["--calls", "2000", "--rate", "2000", "--duration", "2s"];
    let report = call(server.addr(), &flood);
    let figures = &report.figures;
    assert!(report.count("/calls/completed") > 0, "{figures}");
    assert!(report.count("/calls/failed") > 0, "{figures}");
    for frames in ["wrong", "extra"] {
        assert_eq!(report.count(&format!("/frames/{frames}")), 0, "{figures}");
    }
    let report = call(server.addr(), &["--duration", "200ms"]);
    assert_eq!(report.code, 0, "{}", report.figures);
    server.terminate();
}

/// What the system says of the process's memory, in bytes.
pub(crate) fn status(server: &AcceptLoop, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().unwrap() * 1024
}

/// An echo that has so many MiB of address space for calls, before it refuses any.
fn serve_with_room(runtime: &str, room: u64) -> AcceptLoop {
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
fn serve(runtime: &str, max: &str) -> AcceptLoop {
    let server = audiosocket(["serve", "echo", "--runtime", runtime]);
    let mut limited = Command::new("prlimit");
    limited.arg(format!("--as={max}"));
    limited.arg(server.get_program()).args(server.get_args());
    limited.env_remove("RUST_LOG").env("MALLOC_ARENA_MAX", "1");
    AcceptLoop::run(limited, 1)
}
