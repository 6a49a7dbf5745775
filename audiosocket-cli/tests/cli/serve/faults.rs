//! `audiosocket serve` and peers whose connection fails, or who stop reading.

use std::io::Write as _;
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use socket2::Socket;

use crate::caller::{HANGUP, UUID, connect, end_call, read_frame};
use crate::process::{ServeProcess, count, line};
use crate::server::{self, write_frame};

on_every_runtime! {
    a_reset_in_any_state_ends_that_call_and_nothing_else,
    a_peer_that_stops_reading_and_goes_on_has_a_gap_and_no_more,
}

fn a_reset_in_any_state_ends_that_call_and_nothing_else(runtime: &str) {
    let args = ["--uuid-timeout", "1h", "--no-silence"];
    let server = ServeProcess::start_on(runtime, 1, &args);
    let mut other = connect(server.addr());
    let peer = format!("peer={}", other.local_addr().unwrap());
    call(&mut other);

    // Before anything is sent, and within the UUID.
    for sent in [0, 1, 7, 18] {
        let mut stream = connect(server.addr());
        stream.write_all(&uuid()[..sent]).unwrap();
        reset(stream);
    }
    // Between frames, within a header and within audio.
    for sent in [0, 1, 3, 200] {
        let mut stream = connect(server.addr());
        call(&mut stream);
        stream.write_all(&audio()[..sent]).unwrap();
        reset(stream);
    }
    // While much is on its way back.
    let mut stream = connect(server.addr());
    call(&mut stream);
    for _ in 0..100 {
        stream.write_all(&audio()).unwrap();
    }
    reset(stream);
    // After the server's hangup, which a second UUID brings.
    let mut stream = connect(server.addr());
    call(&mut stream);
    stream.write_all(&uuid()).unwrap();
    assert_eq!(read_frame(&mut stream).unwrap(), HANGUP);
    reset(stream);

    server.wait_for_log(6, "call ended");
    assert_echoed(&mut other, b"still there");
    end_call(other);
    let log = server.terminate();
    let ended = line(&log, &["call ended", &peer]);
    assert!(ended.contains("end=closed by the peer"), "{ended}");
    line(&log, &["call ended", "end=failed: a second UUID"]);
    // That amid answers is not among these: a write may meet it first, and then reading meets an end.
    assert!(log.contains("end=reset by the peer"), "{log}");
    for bytes in [1, 3, 200] {
        let end = format!("end=failed: the connection ended inside a frame, {bytes} bytes");
        line(&log, &["call ended", &end]);
    }
    assert!(!log.contains("ERROR") && !log.contains("panic"), "{log}");
}

/// It sends all the while, so that the echo fills all that there is on its way back, and what comes then
/// is dropped. The server goes on reading, and when the peer does too it hears what it says from then on.
fn a_peer_that_stops_reading_and_goes_on_has_a_gap_and_no_more(runtime: &str) {
    /// 20 ms at 192 kHz.
    const AUDIO: [u8; 7680] = [7; 7680];
    const DROPPED: &str = "dropped, because the peer does not read";
    let server = ServeProcess::start_on(runtime, 1, &["--no-silence"]);
    let mut stream = connect(server.addr());
    call(&mut stream);
    let mut frames = 0;
    // Far from the 31 MB that this would come to, the kernel holds no more.
    while server.logged(DROPPED) == 0 {
        assert!(frames < 4_000, "it is never full");
        for _ in 0..50 {
            write_frame(&mut stream, 0x18, &AUDIO).unwrap();
        }
        frames += 50;
    }

    let mut reading = stream.try_clone().unwrap();
    let talking = thread::spawn(move || {
        // What it says is dropped too, until there is room again.
        let mut said = 0;
        while write_frame(&mut stream, 0x10, b"hello").is_ok() {
            said += 1;
            thread::sleep(Duration::from_millis(20));
        }
        said
    });
    let mut heard = 0;
    while server::read_frame(&mut reading).unwrap() == (0x18, AUDIO.to_vec()) {
        heard += 1;
    }
    // The one that ended this, and what follows.
    heard += 1;
    reading.shutdown(Shutdown::Write).unwrap();
    let said: u64 = talking.join().unwrap();
    while let Ok(frame) = server::read_frame(&mut reading) {
        assert_eq!(frame, (0x10, b"hello".to_vec()));
        heard += 1;
    }
    let log = server.terminate();
    let ended = line(&log, &["call ended", "end=closed by the peer"]);
    let dropped = count(ended, "dropped");
    assert!(dropped > 0, "{ended}");
    assert_eq!(heard + dropped, frames + said, "nothing is lost untold");
}

fn uuid() -> Vec<u8> {
    [&[0x01, 0x00, 0x10], &UUID[..]].concat()
}

fn audio() -> Vec<u8> {
    [&[0x10, 0x01, 0x40], &[9; 320][..]].concat()
}

/// Begins a call, and waits until the server has taken it.
fn call(stream: &mut TcpStream) {
    stream.write_all(&uuid()).unwrap();
    assert_echoed(stream, b"begin");
}

#[track_caller]
fn assert_echoed(stream: &mut TcpStream, audio: &[u8]) {
    write_frame(stream, 0x10, audio).unwrap();
    assert_eq!(read_frame(stream).unwrap(), (0x10, audio.to_vec()));
}

fn reset(stream: TcpStream) {
    let socket = Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    drop(socket);
}
