use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use audiosocket_proto::client::encode;
use audiosocket_proto::{Message, SampleRate, Uuid};
use audiosocket_testing::process::Process;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConnection, StreamOwned};

use crate::harness::caller::{Caller, connect};
use crate::harness::certificates::Authority;
use crate::harness::program::{self, assert_ends, terminate};
use crate::harness::sound::noise;

in_each_adapter!(
    callers_hear_themselves
    the_hangup_comes_before_close_notify
    the_server_reads_from_a_peer_that_does_not_read
    a_cut_connection_has_another_end_than_a_closed_one
    a_peer_without_tls_is_refused
    a_handshake_has_a_deadline
    only_callers_with_a_certificate_are_accepted
    after_sigterm_open_calls_have_ten_seconds
);

const RATE: SampleRate = SampleRate::Hz8000;

fn callers_hear_themselves(prefix: &str) {
    let authority = Authority::new();
    let program = start(prefix, &authority, &[]);
    for (version, seed) in [(&TLS12, 1), (&TLS13, 2)] {
        let stream = authority.client_of(connect(program.addr()), version, None);
        let mut caller = Caller::over(stream, Uuid::from_u128(seed), RATE);
        for round in 0..20 {
            caller.hear_back(&noise(160, round));
        }
        // More than one TLS record.
        caller.hear_back(&noise(16_000, 7));
        assert_eq!(caller.stream.conn.protocol_version(), Some(version.version));
        hang_up(caller);
    }
}

fn the_hangup_comes_before_close_notify(prefix: &str) {
    let authority = Authority::new();
    let program = start(prefix, &authority, &[]);
    let mut caller = call(&program, &authority, 1);
    caller.hear_back(&noise(160, 1));
    // The server hangs up because of a second UUID.
    let mut again = Vec::new();
    encode(Message::Uuid(Uuid::from_u128(2)), &mut again).unwrap();
    caller.stream.write_all(&again).unwrap();
    caller.listen_to_the_hangup();
    // Without close_notify this is an error.
    assert_eq!(caller.stream.read(&mut [0; 64]).unwrap(), 0);
    program.wait_for_line("a second UUID").unwrap();

    // The server has closed only its half. It waits until the caller closes the other half.
    caller.stream.sock.set_nonblocking(true).unwrap();
    caller.stream.conn.send_close_notify();
    caller.stream.flush().unwrap();
}

/// Asterisk ends a call if the server does not take its audio, for example because the echo gets stuck.
fn the_server_reads_from_a_peer_that_does_not_read(prefix: &str) {
    let authority = Authority::new();
    let program = start(prefix, &authority, &[]);
    let mut caller = call(&program, &authority, 1);
    caller.hear_back(&noise(160, 1));
    let mut second = Vec::new();
    for _ in 0..50 {
        encode(
            Message::Audio(audiosocket_proto::Audio::new(RATE, &[1; 320])),
            &mut second,
        )
        .unwrap();
    }
    // 32 MB: more than the kernel holds in both directions.
    for _ in 0..2_000 {
        caller.stream.write_all(&second).unwrap();
    }
    program
        .wait_for_line("dropped, because the peer does not read")
        .unwrap();
    drop(caller);

    let mut other = call(&program, &authority, 2);
    other.hear_back(&noise(160, 2));
    hang_up(other);
}

fn a_cut_connection_has_another_end_than_a_closed_one(prefix: &str) {
    let authority = Authority::new();
    let program = start(prefix, &authority, &[]);
    for number in 1..=2 {
        let mut closed = call(&program, &authority, number);
        closed.hear_back(&noise(160, 1));
        hang_up(closed);
    }
    let mut cut = call(&program, &authority, 3);
    cut.hear_back(&noise(160, 1));
    cut.stream.sock.shutdown(Shutdown::Write).unwrap();
    let _ = io::copy(&mut cut.stream.sock, &mut io::sink());

    for (number, end) in [(1, "closed"), (2, "closed"), (3, "reset")] {
        let line = program.wait_for_line(" from 127.0.0.1:").unwrap();
        let uuid = Uuid::from_u128(number).to_string();
        assert!(line.starts_with(&uuid), "{line}");
        assert!(line.ends_with(&format!(": {end} by the peer")), "{line}");
    }
}

fn a_peer_without_tls_is_refused(prefix: &str) {
    let authority = Authority::new();
    let program = start(prefix, &authority, &[]);
    let mut plain = connect(program.addr());
    let mut hello = Vec::new();
    encode(Message::Uuid(Uuid::from_u128(1)), &mut hello).unwrap();
    plain.write_all(&hello).unwrap();
    is_closed(&mut plain);
    program.wait_for_line("received corrupt message").unwrap();

    // A peer that closes before the handshake, and a peer that does not trust the certificate.
    drop(connect(program.addr()));
    let untrusting = Authority::new();
    let mut stream = untrusting.client(connect(program.addr()));
    let error = stream.write_all(&hello).unwrap_err();
    assert!(
        error.to_string().contains("invalid peer certificate"),
        "{error}"
    );
    let _ = stream.flush();

    let mut caller = call(&program, &authority, 2);
    caller.hear_back(&noise(160, 2));
    hang_up(caller);
}

fn a_handshake_has_a_deadline(prefix: &str) {
    let authority = Authority::new();
    let program = start(prefix, &authority, &[]);
    let mut silent = connect(program.addr());
    let mut dripping = connect(program.addr());
    let mut hello = Vec::new();
    let mut client = authority.client(dripping.try_clone().unwrap());
    client.conn.write_tls(&mut hello).unwrap();
    let mut drip = dripping.try_clone().unwrap();
    let drips = thread::spawn(move || {
        for byte in hello {
            if drip.write_all(&[byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(300));
        }
        panic!("the server waited for the last byte");
    });
    // Another call works at the same time.
    let mut caller = call(&program, &authority, 1);
    caller.hear_back(&noise(160, 1));

    is_closed(&mut silent);
    is_closed(&mut dripping);
    drips.join().unwrap();
    for _ in 0..2 {
        // It counts as a connection without a UUID.
        let line = program.wait_for_line("127.0.0.1:").unwrap();
        assert!(line.contains("no UUID came in time"), "{line}");
    }
    caller.hear_back(&noise(160, 2));
    hang_up(caller);
}

fn only_callers_with_a_certificate_are_accepted(prefix: &str) {
    let authority = Authority::new();
    let program = start(prefix, &authority, &[&authority.path("authority.pem")]);
    for stranger in [None, Authority::new().identity("asterisk")] {
        let mut stream = authority.client_of(connect(program.addr()), &TLS13, stranger);
        let mut hello = Vec::new();
        encode(Message::Uuid(Uuid::from_u128(1)), &mut hello).unwrap();
        // In TLS 1.3 the refusal comes after the client has finished its part of the handshake.
        let refused = stream
            .write_all(&hello)
            .and_then(|()| stream.read(&mut [0]));
        assert!(refused.is_err(), "{refused:?}");
        let line = program.wait_for_line("127.0.0.1:").unwrap();
        let reasons = ["peer sent no certificates", "invalid peer certificate"];
        assert!(reasons.iter().any(|reason| line.contains(reason)), "{line}");
    }
    let identity = authority.identity("asterisk");
    let stream = authority.client_of(connect(program.addr()), &TLS13, identity);
    let mut caller = Caller::over(stream, Uuid::from_u128(2), RATE);
    caller.hear_back(&noise(160, 2));
    hang_up(caller);
}

fn after_sigterm_open_calls_have_ten_seconds(prefix: &str) {
    let authority = Authority::new();
    let program = start(prefix, &authority, &[]);
    let mut short = call(&program, &authority, 1);
    let mut long = call(&program, &authority, 2);
    short.hear_back(&noise(160, 1));
    long.hear_back(&noise(160, 2));
    // A connection in its handshake counts as a call.
    let late = authority.client(connect(program.addr()));
    thread::sleep(Duration::from_millis(200));
    terminate(&program);
    let addr = program.addr();
    while TcpStream::connect(addr).is_ok() {
        thread::sleep(Duration::from_millis(20));
    }
    let mut late = Caller::over(late, Uuid::from_u128(3), RATE);
    late.hear_back(&noise(160, 3));
    hang_up(late);
    short.hear_back(&noise(160, 4));
    hang_up(short);
    long.hear_back(&noise(160, 5));
    long.listen_to_the_hangup();
    assert_eq!(long.stream.read(&mut [0; 64]).unwrap(), 0);
    drop(long);
    assert_ends(program);
}

fn start(prefix: &str, authority: &Authority, arguments: &[&str]) -> Process {
    let (certificate, key) = (authority.path("server.pem"), authority.path("server.key"));
    let arguments = [&[&*certificate, &*key], arguments].concat();
    program::start(&format!("{prefix}tls"), &arguments)
}

fn call(
    program: &Process,
    authority: &Authority,
    number: u128,
) -> Caller<StreamOwned<ClientConnection, TcpStream>> {
    let stream = authority.client(connect(program.addr()));
    Caller::over(stream, Uuid::from_u128(number), RATE)
}

/// Hangs up as stunnel does: sends close_notify, and waits for the close_notify of the server.
fn hang_up(mut caller: Caller<StreamOwned<ClientConnection, TcpStream>>) {
    caller.stream.conn.send_close_notify();
    caller.stream.flush().unwrap();
    caller.stream.sock.shutdown(Shutdown::Write).unwrap();
    let rest = io::copy(&mut caller.stream, &mut io::sink());
    rest.expect("the server closes with close_notify");
}

/// Waits until the server has closed the connection.
fn is_closed(stream: &mut TcpStream) {
    match io::copy(stream, &mut io::sink()) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
    }
}
