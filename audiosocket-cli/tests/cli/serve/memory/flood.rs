//! `audiosocket serve` with a limit of its address space, and more new calls than there is room for.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use audiosocket_media::{SampleRate, pcm, tone};

use crate::caller::{assert_refused, begin, connect, read_frame};
use crate::crowd::raise_descriptors;
use crate::process::assert_ended_by_the_caller;
use crate::serve::memory::serve_with_room;

on_every_runtime! {
    a_flood_of_calls_does_not_fill_the_address_space,
}

/// Each call holds 4 KiB, so that all calls need 4 MiB: more than the room, and less than the reserve of 16 MiB. Idle calls hold
/// too little to fill the room: 2,000 of them took 0.4 MiB on smol with the allocator of glibc 2.36.
const CALLS: usize = 1000;
const PAYLOAD: usize = 4096;
const FRAME: Duration = Duration::from_millis(256);

/// 2,000 calls start per second, twenty in each interval of the memory guard.
fn a_flood_of_calls_does_not_fill_the_address_space(runtime: &str) {
    raise_descriptors();
    let room = if runtime == "blocking" { 30 } else { 1 };
    // Silence for hundreds of calls would keep a busy machine from accepting more.
    let server = serve_with_room(runtime, room, &["--no-silence", "--when-full", "hangup"]);
    // The server echoes linear audio only.
    let mut audio = Vec::new();
    pcm::to_slin(&tone(SampleRate::Hz8000, 440, FRAME), &mut audio);
    assert_eq!(audio.len(), PAYLOAD);
    let frame = [&[0x10, 0x10, 0x00][..], &audio].concat();
    let (last, beginning) = frame.split_last().unwrap();
    let mut calls = Vec::new();
    for number in 0..CALLS {
        if number % 20 == 0 {
            thread::sleep(Duration::from_millis(10));
        }
        let mut stream = begin(server.addr());
        // The server may have refused the call and closed the connection.
        let _ = stream.write_all(beginning);
        calls.push(stream);
    }
    server.wait_for_log(1, "memory is short: new calls are refused");
    assert_refused(connect(server.addr()));
    let is_echoed = |stream: &mut TcpStream| {
        let _ = stream.write_all(&[*last]);
        read_frame(stream).is_ok_and(|frame| frame == (0x10, audio.clone()))
    };
    let echoed: usize = calls
        .iter_mut()
        .map(|call| usize::from(is_echoed(call)))
        .sum();
    assert!(echoed > 0, "the server accepted no call");
    drop(calls);
    // The server had one call before.
    let accepted = 1 + echoed;
    server.wait_for_log(accepted, "call ended");
    let log = server.terminate();
    let ended: Vec<_> = log
        .lines()
        .filter(|line| line.contains("call ended"))
        .collect();
    assert_eq!(ended.len(), accepted, "no accepted call was lost");
    ended.into_iter().for_each(assert_ended_by_the_caller);
}
