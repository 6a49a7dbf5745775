//! A process without free descriptors. The test is alone in its file, so that it has a process of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use audiosocket_tokio::Server;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

mod support;

use support::{audio_frame, next, no_silence, recorded, uuid_frame};

#[tokio::test]
async fn calls_go_on_and_new_ones_wait_without_free_descriptors() {
    let (acceptor, transcript) = recorded();
    let builder = Server::builder().bind("127.0.0.1:0").session(no_silence());
    let server = builder.start(acceptor).await.unwrap();
    let addr = server.local_addrs()[0];
    tokio::spawn(server.serve_forever());
    let mut first = TcpStream::connect(addr).await.unwrap();
    first.write_all(&uuid_frame(1)).await.unwrap();
    assert_eq!(next(&transcript).await, "1 start");

    let second = TcpSocket::new_v4().unwrap();
    let before = getrlimit(Resource::Nofile);
    // All lower descriptors are in use, so no descriptor is free.
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(3),
            ..before
        },
    )
    .unwrap();
    let mut second = second.connect(addr).await.unwrap();
    second.write_all(&uuid_frame(2)).await.unwrap();
    for _ in 0..100 {
        first.write_all(&audio_frame(b"one")).await.unwrap();
        let mut echo = [0; 6];
        first.read_exact(&mut echo).await.unwrap();
        assert_eq!(echo[..], audio_frame(b"one"));
        assert_eq!(
            next(&transcript).await,
            "1 audio slin 3 bytes",
            "the second call must wait"
        );
    }

    setrlimit(Resource::Nofile, before).unwrap();
    assert_eq!(next(&transcript).await, "2 start");
}
