//! `audiosocket call` with servers that make mistakes: the call finds each mistake.

use std::io::{self, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;

use rustix::process::Signal;
use socket2::{Domain, Socket, Type};

use crate::process::{PATIENCE, audiosocket, call, run, started, text};
use crate::server::{is_audio, read_frame, serve, serve_audio, write_frame};

/// Ten frames.
const SHORT: [&str; 2] = ["--duration", "200ms"];
/// Does not wait a minute for an echo that never comes.
const IMPATIENT: [&str; 4] = ["--duration", "200ms", "--echo-timeout", "300ms"];
/// The server ends such a call.
const LONG: [&str; 2] = ["--duration", "60s"];

#[test]
fn a_dropped_frame_is_missing() {
    let server = serve_audio(|number, frame| match number {
        3 | 5 | 6 => Vec::new(),
        _ => vec![frame],
    });
    let report = call(server, &SHORT);
    assert_eq!((report.code, report.count("/calls/completed")), (1, 1));
    assert_eq!(report.count("/frames/echoed"), 7);
    assert_eq!(report.count("/frames/missing"), 3);
    assert_eq!(report.count("/frames/wrong"), 0);
    assert_eq!(report.figures["ok"], false);
}

#[test]
fn a_frame_with_a_changed_byte_is_wrong() {
    let server = serve_audio(|number, (kind, mut payload)| {
        if number == 4 {
            payload[200] ^= 1;
        }
        vec![(kind, payload)]
    });
    let report = call(server, &SHORT);
    assert_eq!((report.code, report.count("/frames/echoed")), (1, 9));
    assert_eq!(report.count("/frames/wrong"), 1);
    assert_eq!(report.count("/frames/missing"), 0);
}

#[test]
fn a_frame_sent_twice_is_extra() {
    let server = serve_audio(|number, frame| vec![frame; if number == 4 { 2 } else { 1 }]);
    let report = call(server, &SHORT);
    assert_eq!((report.code, report.count("/frames/echoed")), (1, 10));
    assert_eq!(report.count("/frames/extra"), 1);
}

#[test]
fn the_right_bytes_at_the_wrong_rate_are_wrong() {
    let server = serve_audio(|_, (_, payload)| vec![(0x12, payload)]);
    let report = call(server, &IMPATIENT);
    assert_eq!((report.code, report.count("/frames/echoed")), (1, 0));
    let wrong = report.count("/frames/wrong");
    assert!(wrong > 0);
    assert_eq!(wrong + report.count("/frames/missing"), 10);
}

#[test]
fn a_flood_of_audio_does_not_stop_the_caller_from_hanging_up() {
    let server = serve(|mut stream| {
        loop {
            write_frame(&mut stream, 0x10, &[0x55; 320])?;
        }
    });
    let report = call(server, &IMPATIENT);
    assert_eq!((report.code, report.count("/frames/sent")), (1, 10));
    assert_eq!(report.count("/hangups/caller"), 1);
    assert!(report.count("/frames/extra") > 0);
}

#[test]
fn a_flood_of_audio_does_not_stop_a_signal() {
    let (flooding, flooded) = mpsc::channel();
    let server = serve(move |mut stream| {
        let flood = [&[0x10, 0xff, 0xff][..], &[0x55; 0xffff]]
            .concat()
            .repeat(16);
        loop {
            stream.write_all(&flood)?;
            let _ = flooding.send(());
        }
    });
    let server = server.to_string();
    let mut caller = started(
        audiosocket(["call", &server, "--duration", "1h", "--json"]),
        0,
    );
    for _ in 0..20 {
        flooded.recv_timeout(PATIENCE).unwrap();
    }
    caller.signal(Signal::INT).unwrap();
    assert_eq!(caller.wait().unwrap().status.code(), Some(130));
}

#[test]
fn a_server_that_never_answers_fails_the_call() {
    let server = serve_audio(|_, _| Vec::new());
    let report = call(server, &IMPATIENT);
    assert_eq!((report.code, report.failure()), (1, "no audio came"));
    assert_eq!(report.count("/frames/missing"), 10);
    assert!(report.figures["latency_us"].is_null());
    let any = call(server, &["--expect", "any", "--duration", "200ms"]);
    assert_eq!((any.code, any.failure()), (1, "no audio came"));
}

#[test]
fn a_server_that_only_sends_silence_fails_the_call() {
    let server = serve_audio(|_, (kind, payload)| vec![(kind, vec![0; payload.len()])]);
    for expect in ["echo", "any"] {
        let report = call(server, &[&IMPATIENT[..], &["--expect", expect]].concat());
        assert_eq!(
            (report.code, report.failure()),
            (1, "nothing but silence came")
        );
        let received = report.count("/frames/received");
        assert_eq!(report.count("/frames/silence"), received);
        assert!(received > 0);
    }
}

#[test]
fn a_server_that_hangs_up_early_fails_the_call() {
    let server = serve_audio(|number, frame| match number {
        5 => vec![(0x00, Vec::new())],
        _ => vec![frame],
    });
    let report = call(server, &LONG);
    assert_eq!(report.code, 1);
    assert_eq!(report.failure(), "the server hung up before the caller did");
    assert_eq!(report.count("/hangups/server"), 1);
    assert_eq!(report.count("/frames/echoed"), 5);
}

#[test]
fn a_server_that_closes_early_fails_the_call() {
    let server = serve(|mut stream| {
        while !is_audio(&read_frame(&mut stream)?) {}
        close(stream)
    });
    let report = call(server, &LONG);
    assert_eq!(report.code, 1);
    assert_eq!(
        report.failure(),
        "the server closed the connection before the caller did"
    );
    assert_eq!(report.count("/hangups/closed"), 1);
}

#[test]
fn a_server_that_closes_inside_a_frame_fails_the_call() {
    let server = serve(|mut stream| {
        while !is_audio(&read_frame(&mut stream)?) {}
        stream.write_all(&[0x10, 1, 0x40, 7, 7])?;
        close(stream)
    });
    let report = call(server, &[&LONG[..], &["--expect", "any"]].concat());
    assert_eq!(report.code, 1);
    assert_eq!(
        report.failure(),
        "the server closed the connection inside a frame"
    );
}

#[test]
fn a_frame_that_asterisk_ends_a_call_for_fails_the_call() {
    for (kind, payload, named) in [
        (
            0x03,
            b"1".to_vec(),
            "this call: kind 0x03 (dtmf) (log: Received AudioSocket message other than",
        ),
        (0x01, vec![7; 16], "this call: kind 0x01 (uuid) (log: "),
        (0x7f, vec![], "this call: kind 0x7f (log: "),
        (0x10, vec![], "an empty frame of kind 0x10 (audio slin)"),
    ] {
        let server = serve_audio(move |_, frame| vec![frame, (kind, payload.clone())]);
        let report = call(server, &[&LONG[..], &["--calls", "3"]].concat());
        assert_eq!((report.code, report.count("/calls/failed")), (1, 3));
        assert!(report.failure().contains(named), "{}", report.failure());
        assert_eq!(report.count("/hangups/caller"), 3);
    }
}

#[test]
fn a_server_that_does_not_read_fails_the_call() {
    // The listener accepts no connection, so no data is read. The kernel still opens the connection, and takes little data
    // because the buffer and the segments are small.
    let listener = listener();
    listener.set_recv_buffer_size(4096).unwrap();
    listener.set_tcp_mss(536).unwrap();
    listener.listen(16).unwrap();
    let addr = listener.local_addr().unwrap().as_socket().unwrap();
    let report = call(addr, &["--rate", "slin192", "--duration", "10m"]);
    assert_eq!(report.code, 1);
    let failure = report.failure();
    assert!(failure.contains("the server does not read"), "{failure}");
    assert_eq!(report.count("/hangups/caller"), 1);
    assert_eq!(
        report.count("/frames/missing"),
        report.count("/frames/sent")
    );
}

#[test]
fn a_call_to_a_closed_port_fails() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let report = call(closed, &["--calls", "3"]);
    assert_eq!((report.code, report.count("/calls/failed")), (1, 3));
    assert!(
        report
            .failure()
            .starts_with("cannot connect: Connection refused")
    );
    let ended = ["caller", "server", "closed"].map(|who| report.count(&format!("/hangups/{who}")));
    assert_eq!(ended, [0; 3], "there was no connection");

    let output = run(["call", &closed.to_string()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).contains("\nfailed        1 call: cannot connect: Connection refused")
    );
}

#[test]
fn a_connection_attempt_ends_at_the_connect_timeout() {
    // With a backlog of 0, Linux drops the second connection.
    let listener = listener();
    listener.listen(0).unwrap();
    let addr = listener.local_addr().unwrap().as_socket().unwrap();
    let _in_the_queue = TcpStream::connect(addr).unwrap();
    let report = call(addr, &["--connect-timeout", "300ms"]);
    assert_eq!(
        (report.code, report.failure()),
        (1, "no connection within 300ms")
    );
}

/// Returns a socket that is bound and does not listen.
fn listener() -> Socket {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let addr: SocketAddr = "127.0.0.1:0".parse().unwrap();
    listener.bind(&addr.into()).unwrap();
    listener
}

/// Closes the connection without a reset: a socket with unread data resets it.
fn close(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    while read_frame(&mut stream).is_ok() {}
    Ok(())
}
