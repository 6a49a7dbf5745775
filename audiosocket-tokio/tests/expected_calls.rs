//! The AGI server of the example `expected_calls`. The test is the client, as Asterisk would be.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use audiosocket_tokio::admission::{AllowList, ExpectedCalls};
use audiosocket_tokio::{Callbacks, Server, Uuid, acceptor_fn};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

#[path = "../examples/expected_calls/agi.rs"]
mod agi;

use agi::{Caller, LONGEST, PATIENCE};

/// The request of Asterisk 22.10.1 for `AGI(agi://127.0.0.1:14573)`.
const REQUEST: &str = "\
agi_network: yes
agi_request: agi://127.0.0.1:14573
agi_channel: Local/agi-00001-14573@audiosocket-00000000;2
agi_language: de
agi_type: Local
agi_uniqueid: 1795383175.1
agi_version: 22.10.1+dfsg+~cs6.17.60671434-1
agi_callerid: 4930123456
agi_calleridname: unknown
agi_callingpres: 0
agi_callingani2: 0
agi_callington: 0
agi_callingtns: 0
agi_dnid: unknown
agi_rdnis: unknown
agi_context: audiosocket
agi_extension: agi-00001-14573
agi_priority: 4
agi_enhanced: 0.0
agi_accountcode: 
agi_threadid: 140405053122240

";

/// Starts an AGI session. Returns Asterisk's end of its connection, and the task of the session.
fn conversation(
    expected: &ExpectedCalls<Caller>,
    size: usize,
) -> (DuplexStream, tokio::task::JoinHandle<std::io::Result<Uuid>>) {
    let (asterisk, ours) = duplex(size);
    let expected = expected.clone();
    let ended = tokio::spawn(async move { agi::converse(ours, &expected).await });
    (asterisk, ended)
}

async fn read_uuid(asterisk: &mut (impl tokio::io::AsyncRead + Unpin)) -> Uuid {
    let mut command = [0; "SET VARIABLE AUDIOSOCKET_UUID ".len() + 37];
    asterisk.read_exact(&mut command).await.unwrap();
    let command = str::from_utf8(&command).unwrap();
    let uuid = command
        .strip_prefix("SET VARIABLE AUDIOSOCKET_UUID ")
        .unwrap();
    uuid.strip_suffix('\n').unwrap().parse().unwrap()
}

/// The test runs from the AGI request to the call, on real sockets.
#[tokio::test]
async fn a_call_that_agi_announced_is_accepted_once() {
    let expected = ExpectedCalls::new();
    let here: AllowList = "127.0.0.1".parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let agi_addr = listener.local_addr().unwrap();
    tokio::spawn(agi::listen(listener, here.clone(), expected.clone()));
    let acceptor = acceptor_fn(|request| {
        let caller = request.metadata::<Caller>().unwrap();
        assert_eq!(caller.language, "de");
        let number = caller.number.clone().unwrap();
        Ok(Callbacks::new(
            move |_, _, _| number.clone().into_bytes().into(),
            |_, _, _| {},
        ))
    });
    let builder = Server::builder()
        .bind("127.0.0.1:0")
        .allow_list(here)
        .expected_calls(&expected);
    let server = builder.start(acceptor).await.unwrap();
    let addr = server.local_addrs()[0];
    tokio::spawn(server.serve_forever());

    let mut agi = TcpStream::connect(agi_addr).await.unwrap();
    agi.write_all(REQUEST.as_bytes()).await.unwrap();
    let uuid = read_uuid(&mut agi).await;
    agi.write_all(b"200 result=1\n").await.unwrap();
    assert_eq!(agi.read(&mut [0; 10]).await.unwrap(), 0, "AGI is over");

    let call = async |uuid: Uuid| {
        let mut call = TcpStream::connect(addr).await.unwrap();
        let hello = [b"\x01\x00\x10", &uuid.as_bytes()[..], b"\x10\x00\x02hi"].concat();
        call.write_all(&hello).await.unwrap();
        call
    };
    let mut taken = call(uuid).await;
    let mut heard = Vec::new();
    while !heard.ends_with(b"\x10\x00\x0a4930123456") {
        assert_ne!(taken.read_buf(&mut heard).await.unwrap(), 0, "{heard:?}");
    }
    for uuid in [uuid, Uuid::from_u128(1)] {
        let mut heard = Vec::new();
        call(uuid).await.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, [0, 0, 0]);
    }
}

#[tokio::test]
async fn a_client_with_another_protocol_announces_no_call() {
    let expected = ExpectedCalls::new();
    let elsewhere: AllowList = "10.0.0.0/8".parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(agi::listen(listener, elsewhere, expected.clone()));
    let mut stranger = TcpStream::connect(addr).await.unwrap();
    // The server closes. This is a reset if it has unread bytes.
    let _ = stranger.write_all(REQUEST.as_bytes()).await;
    let mut heard = Vec::new();
    let _ = stranger.read_to_end(&mut heard).await;
    assert_eq!(heard, b"");
    assert_eq!(expected.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_caller_without_a_number_is_announced() {
    let expected = ExpectedCalls::new();
    let (mut asterisk, ended) = conversation(&expected, 4096);
    let request = "agi_callerid: unknown\r\nagi_calleridname: \u{1b}[2J\r\n\r\n";
    asterisk.write_all(request.as_bytes()).await.unwrap();
    let uuid = read_uuid(&mut asterisk).await;
    asterisk.write_all(b"200 result=1\n").await.unwrap();
    assert_eq!(ended.await.unwrap().unwrap(), uuid);
    let caller = expected.withdraw(uuid).unwrap();
    let expected = Caller {
        number: None,
        language: "en".to_owned(),
    };
    assert_eq!(*caller, expected);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_channel_is_gone_is_withdrawn() {
    let expected = ExpectedCalls::new();
    for answer in [&b"HANGUP\n"[..], b"511 Command Not Permitted\n", b""] {
        let (mut asterisk, ended) = conversation(&expected, 4096);
        asterisk.write_all(REQUEST.as_bytes()).await.unwrap();
        let uuid = read_uuid(&mut asterisk).await;
        assert_eq!(expected.waiting(), 1);
        asterisk.write_all(answer).await.unwrap();
        drop(asterisk);
        ended.await.unwrap().unwrap_err();
        assert_eq!(expected.waiting(), 0);
        assert!(expected.withdraw(uuid).is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_registry_leaves_the_variable_unset() {
    let expected = ExpectedCalls::new().max_waiting(0);
    let (mut asterisk, ended) = conversation(&expected, 4096);
    asterisk.write_all(REQUEST.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    asterisk.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, b"");
    ended.await.unwrap().unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn an_endless_request_is_not_read_to_its_end() {
    let expected = ExpectedCalls::new();
    for piece in [&b"x"[..], b"agi_arg_1: x\n"] {
        let (mut asterisk, ended) = conversation(&expected, 1024);
        let mut written = 0;
        while asterisk.write_all(piece).await.is_ok() {
            written += piece.len() as u64;
        }
        assert!(written <= LONGEST + 1024 + 8 * 1024, "{written}");
        ended.await.unwrap().unwrap_err();
    }
    assert_eq!(expected.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_closed_after_the_timeout() {
    let expected = ExpectedCalls::new();
    for said in ["", "agi_network: yes\n", REQUEST] {
        let begun = Instant::now();
        let (mut asterisk, ended) = conversation(&expected, 4096);
        asterisk.write_all(said.as_bytes()).await.unwrap();
        ended.await.unwrap().unwrap_err();
        let took = begun.elapsed();
        assert!(
            (PATIENCE..PATIENCE * 2).contains(&took),
            "{took:?} of virtual time"
        );
    }
}
