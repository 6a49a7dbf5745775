//! `audiosocket serve` where the memory is bounded.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::crowd::crowd_out;
use super::process::{Serving, audiosocket, call};

on_every_runtime! {
    calls_are_refused_before_the_address_space_is_full,
    a_flood_does_not_fill_it_either,
    what_a_crowd_took_is_given_back,
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

/// Also by a server that has nothing to do any more, and so asks the allocator for nothing.
fn what_a_crowd_took_is_given_back(runtime: &str) {
    /// All but the end of a frame that is as long as can be, which is kept until the rest has come.
    static FRAME: [u8; 65_000] = {
        let mut frame = [0; 65_000];
        (frame[0], frame[1], frame[2]) = (0x10, 0xff, 0xff);
        frame
    };
    let server = Serving::start_on(runtime, 1, &[]);
    assert_eq!(call(server.addr(), &["--duration", "100ms"]).code, 0);
    let before = resident(&server);
    let crowd: Vec<_> = (0..400_u128)
        .map(|number| {
            let mut stream = TcpStream::connect(server.addr()).unwrap();
            stream.write_all(&[1, 0, 16]).unwrap();
            stream.write_all(&number.to_be_bytes()).unwrap();
            stream.write_all(&FRAME).unwrap();
            stream
        })
        .collect();
    let most = before + 400 * 60_000;
    wait_until("they have taken it", || resident(&server) >= most);
    drop(crowd);
    let rest = before + (most - before) / 4;
    wait_until("it is given back", || resident(&server) <= rest);
    server.terminate();
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "waited until {what}"
        );
        thread::sleep(Duration::from_millis(100));
    }
}

fn resident(server: &Serving) -> u64 {
    status(server, "VmRSS:")
}

/// What the system says of the process's memory, in bytes.
fn status(server: &Serving, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().unwrap() * 1024
}

/// An echo that has so many MiB of address space for calls, before it refuses any.
fn serve_with_room(runtime: &str, room: u64) -> Serving {
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
fn serve(runtime: &str, max: &str) -> Serving {
    let server = audiosocket(["serve", "echo", "--runtime", runtime]);
    let mut limited = Command::new("prlimit");
    limited.arg(format!("--as={max}"));
    limited.arg(server.get_program()).args(server.get_args());
    limited.env_remove("RUST_LOG").env("MALLOC_ARENA_MAX", "1");
    Serving::run(limited, 1)
}
