//! `audiosocket serve` with peers that reset the connection or stop reading.

use std::io::Write as _;
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use socket2::Socket;

use crate::caller::{HANGUP, UUID, assert_echoed, begin_echo, connect, end_call, peer, read_frame};
use crate::process::{ServeProcess, count, line};
use crate::server::{self, write_frame};

on_every_runtime! {
    a_reset_in_any_state_ends_only_that_call,
    a_peer_that_stops_reading_for_a_while_loses_only_that_audio,
}

fn a_reset_in_any_state_ends_only_that_call(runtime: &str) {
    let args = ["--uuid-timeout", "1h", "--no-silence"];
    let server = ServeProcess::start_on(runtime, 1, &args);
    let mut other = begin_echo(server.addr());
    let peer = peer(&other);

    // Before the UUID, and inside it.
    for sent in [0, 1, 7, 18] {
        let mut stream = connect(server.addr());
        stream.write_all(&uuid()[..sent]).unwrap();
        reset(stream);
    }
    // Between frames, inside a header and inside audio.
    for sent in [0, 1, 3, 200] {
        let mut stream = begin_echo(server.addr());
        stream.write_all(&audio()[..sent]).unwrap();
        reset(stream);
    }
    // While the server sends echoes.
    let mut stream = begin_echo(server.addr());
    for _ in 0..100 {
        stream.write_all(&audio()).unwrap();
    }
    reset(stream);
    // After the server hung up because of a second UUID.
    let mut stream = begin_echo(server.addr());
    stream.write_all(&uuid()).unwrap();
    assert_eq!(read_frame(&mut stream).unwrap(), HANGUP);
    reset(stream);

    server.wait_for_log(6, "call ended");
    assert_echoed(&mut other, 0x10, b"still there");
    end_call(other);
    let log = server.terminate();
    let ended = line(&log, &["call ended", &peer]);
    assert!(ended.contains("end=closed by the peer"), "{ended}");
    line(&log, &["call ended", "end=failed: a second UUID"]);
    // The reset during the echoes can have another end: if a write fails first, the next read finds the end of the stream.
    assert!(log.contains("end=reset by the peer"), "{log}");
    for bytes in [1, 3, 200] {
        let end = format!("end=failed: the connection ended inside a frame, {bytes} bytes");
        line(&log, &["call ended", &end]);
    }
    assert!(!log.contains("ERROR") && !log.contains("panic"), "{log}");
}

/// The peer sends all the time and does not read. The echo fills all buffers, and the server drops the rest. When the peer
/// reads again, it receives the echo of its new audio.
fn a_peer_that_stops_reading_for_a_while_loses_only_that_audio(runtime: &str) {
    /// 20 ms at 192 kHz.
    const AUDIO: [u8; 7680] = [7; 7680];
    const DROPPED: &str = "dropped, because the peer does not read";
    let server = ServeProcess::start_on(runtime, 1, &["--no-silence"]);
    let mut stream = begin_echo(server.addr());
    let mut frames = 0;
    // The kernel holds much less than these 31 MB.
    while server.logged(DROPPED) == 0 {
        assert!(frames < 4_000, "the buffers are never full");
        for _ in 0..50 {
            write_frame(&mut stream, 0x18, &AUDIO).unwrap();
        }
        frames += 50;
    }

    let mut reading = stream.try_clone().unwrap();
    let sender = thread::spawn(move || {
        // The server drops these frames too, until its buffers have room.
        let mut sent = 0;
        while write_frame(&mut stream, 0x10, b"hello").is_ok() {
            sent += 1;
            thread::sleep(Duration::from_millis(20));
        }
        sent
    });
    let mut received = 0;
    while server::read_frame(&mut reading).unwrap() == (0x18, AUDIO.to_vec()) {
        received += 1;
    }
    // The frame that ended the loop, and the frames after it.
    received += 1;
    reading.shutdown(Shutdown::Write).unwrap();
    let sent: u64 = sender.join().unwrap();
    while let Ok(frame) = server::read_frame(&mut reading) {
        assert_eq!(frame, (0x10, b"hello".to_vec()));
        received += 1;
    }
    let log = server.terminate();
    let ended = line(&log, &["call ended", "end=closed by the peer"]);
    let dropped = count(ended, "dropped");
    assert!(dropped > 0, "{ended}");
    assert_eq!(
        received + dropped,
        frames + sent,
        "each lost frame is counted"
    );
}

fn uuid() -> Vec<u8> {
    [&[0x01, 0x00, 0x10], &UUID[..]].concat()
}

fn audio() -> Vec<u8> {
    [&[0x10, 0x01, 0x40], &[9; 320][..]].concat()
}

fn reset(stream: TcpStream) {
    let socket = Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    drop(socket);
}
