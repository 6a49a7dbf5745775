//! Calls from their UUID to their end.

use std::io::Read as _;
use std::net::TcpListener;

use audiosocket_testing::transcript::Transcript;
use audiosocket_tokio::admission::{Limits, WhenFull};
use audiosocket_tokio::{Server, start_server};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::HANGUP;
use super::running::{Running, blocking_call, read, read_sound, read_to_end};
use super::support::{audio_frame, next, no_silence, uuid_frame};

on_both_runtimes! {
    a_call_from_beginning_to_end,
    an_echo_has_the_rate_of_the_caller,
    a_panic_ends_its_call_only,
    a_refused_call_gets_a_hangup,
    a_hangup_arrives_while_audio_is_unread,
    a_peer_with_another_protocol_is_refused,
    each_of_many_calls_beyond_the_limits_gets_a_hangup,
    closures_see_the_call_and_its_end,
    an_open_socket_is_served,
}

async fn a_call_from_beginning_to_end() {
    let mut server = Running::start().await;
    let mut call = server.call(7).await;
    call.write_all(&[0x03, 0, 1, b'5']).await.unwrap();
    call.write_all(&audio_frame(&[9; 320])).await.unwrap();
    assert_eq!(read(&mut call, 323).await, audio_frame(&[9; 320]));
    drop(call);
    server
        .expect(&[
            "7 start",
            "7 dtmf 5",
            "7 audio slin 320 bytes",
            "7 end: closed by the peer",
        ])
        .await;
}

async fn an_echo_has_the_rate_of_the_caller() {
    let server = Running::start().await;
    let mut call = server.call(7).await;
    for (kind, len) in (0x10..=0x18).zip([320, 480, 640, 960, 1280, 1764, 1920, 3840, 7680_u16]) {
        let mut frame = vec![kind];
        frame.extend(len.to_be_bytes());
        frame.extend((0..len).map(|i| (i % 251) as u8));
        call.write_all(&frame).await.unwrap();
        assert_eq!(read(&mut call, frame.len()).await, frame);
    }
}

async fn a_panic_ends_its_call_only() {
    let mut server = Running::start().await;
    let mut good = server.call(1).await;
    server.expect(&["1 start"]).await;
    let mut bad = server.call(2).await;
    bad.write_all(&audio_frame(b"panic!")).await.unwrap();
    assert_eq!(read_to_end(&mut bad).await, HANGUP);
    drop(bad);
    server
        .expect(&[
            "2 start",
            "2 audio slin 6 bytes",
            "2 exception: the handler panicked: \"as asked\"",
            "2 end: handler panicked",
        ])
        .await;

    good.write_all(&audio_frame(b"well")).await.unwrap();
    assert_eq!(read(&mut good, 7).await, audio_frame(b"well"));
}

async fn a_refused_call_gets_a_hangup() {
    let server = Running::start().await;
    let mut call = server.call(u128::MAX).await;
    assert_eq!(read_to_end(&mut call).await, HANGUP);
    drop(call);
    server.no_calls_left().await;
    assert!(
        server.transcript.lines().is_empty(),
        "a refused call has no callback"
    );
}

/// A close with unread audio makes the kernel send a reset. The reset can arrive before the hangup.
async fn a_hangup_arrives_while_audio_is_unread() {
    let server = Running::start().await;
    for _ in 0..100 {
        let mut call = server.call(7).await;
        call.write_all(&audio_frame(b"bye")).await.unwrap();
        for _ in 0..50 {
            if call.write_all(&audio_frame(&[1; 320])).await.is_err() {
                break;
            }
        }
        assert_eq!(read_to_end(&mut call).await, HANGUP);
    }
}

async fn a_peer_with_another_protocol_is_refused() {
    let mut server = Running::start().await;
    let mut browser = TcpStream::connect(server.addr).await.unwrap();
    browser.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!(read_to_end(&mut browser).await, HANGUP);
    server
        .expect(&["no call: the first frame was of kind 0x47 and not a UUID"])
        .await;
}

/// The test opens more connections than may linger, and more than the budget of one task of tokio.
async fn each_of_many_calls_beyond_the_limits_gets_a_hangup() {
    let builder = Server::builder().bind("127.0.0.1:0");
    let limits = Limits::new().max_calls(0).when_full(WhenFull::HangUp);
    let server = Running::start_with(builder.limits(limits)).await;
    // Blocking, so that the server does not run meanwhile.
    let mut calls: Vec<_> = (0..600).map(|_| blocking_call(server.addr)).collect();
    let refused = tokio::task::spawn_blocking(move || {
        // The peers close only after all hangups, so that as many connections as possible linger.
        let read = calls.iter_mut().map(|call| {
            let mut bytes = Vec::new();
            call.read_to_end(&mut bytes).map(|_| bytes)
        });
        read.filter(|read| matches!(read, Ok(bytes) if *bytes == HANGUP))
            .count()
    });
    assert_eq!(refused.await.unwrap(), 600);
}

async fn closures_see_the_call_and_its_end() {
    let transcript = Transcript::new();
    let (audios, exceptions) = (transcript.clone(), transcript.clone());
    let server = start_server(
        move |uuid, peer, audio| {
            audios.note(format!("audio {} {peer} {:?}", uuid.as_u128(), &audio[..]));
            if &audio[..] == b"many" {
                vec![1; 65_536].into()
            } else {
                audio.into()
            }
        },
        move |uuid, peer, error| {
            let uuid = uuid.map(|uuid| uuid.as_u128());
            exceptions.note(format!("exception {uuid:?} {peer} {error}"));
        },
        "127.0.0.1:0",
    );
    let server = server.await.unwrap();
    let addr = server.local_addrs()[0];
    let task = tokio::spawn(server.serve_forever());

    let mut call = TcpStream::connect(addr).await.unwrap();
    let peer = call.local_addr().unwrap();
    call.write_all(&uuid_frame(7)).await.unwrap();
    call.write_all(&audio_frame(b"many")).await.unwrap();
    call.write_all(&audio_frame(b"one")).await.unwrap();
    assert_eq!(read_sound(&mut call).await, audio_frame(b"one"));
    call.write_all(&[0x10, 0, 3, b'c']).await.unwrap();
    // A close with unread silence resets the connection.
    call.shutdown().await.unwrap();
    read_to_end(&mut call).await;
    for line in [
        format!("audio 7 {peer} {:?}", b"many"),
        format!(
            "exception Some(7) {peer} the answer was not sent: \
             65536 bytes of audio do not fit one frame, which takes 65,535"
        ),
        format!("audio 7 {peer} {:?}", b"one"),
        format!("exception Some(7) {peer} the connection ended inside a frame, 4 bytes into it"),
        format!("audio 7 {peer} []"),
    ] {
        assert_eq!(next(&transcript).await, line);
    }
    task.abort();
}

async fn an_open_socket_is_served() {
    let ready = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut server =
        Running::start_with(Server::builder().listener(ready).session(no_silence())).await;
    let _call = server.call(7).await;
    server.expect(&["7 start"]).await;
}
