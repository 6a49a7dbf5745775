//! `audiosocket serve` returns the memory of ended calls to the system. Only with jemalloc: the allocator of the C library keeps it.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::crowd::raise_descriptors;
use crate::process::{ServeProcess, call};
use crate::serve::memory::status;

on_every_runtime! {
    the_memory_of_ended_calls_is_returned_to_the_system,
}

/// The server is idle then and calls the allocator no more.
fn the_memory_of_ended_calls_is_returned_to_the_system(runtime: &str) {
    /// The beginning of the longest frame. The server keeps it until the rest comes.
    static FRAME: [u8; 65_000] = {
        let mut frame = [0; 65_000];
        (frame[0], frame[1], frame[2]) = (0x10, 0xff, 0xff);
        frame
    };
    raise_descriptors();
    let server = ServeProcess::start_on(runtime, 1, &[]);
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
    wait_until("the calls use the memory", || resident(&server) >= most);
    drop(crowd);
    let rest = before + (most - before) / 4;
    wait_until("the memory is returned", || resident(&server) <= rest);
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

fn resident(server: &ServeProcess) -> u64 {
    status(server, "VmRSS:")
}
