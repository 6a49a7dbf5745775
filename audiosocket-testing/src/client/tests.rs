//! Tests of the client, over streams in memory.

use tokio::io::{AsyncReadExt as _, DuplexStream, duplex};
use tokio::net::TcpListener;

use super::*;

const UUID: Uuid = Uuid::from_u128(7);

/// Returns a connected client, and the stream of the server.
async fn call() -> (Client<DuplexStream>, DuplexStream) {
    let (near, mut far) = duplex(1 << 17);
    let client = Client::with_stream(near, UUID, SampleRate::Hz16000).await;
    let mut uuid = [0; 19];
    far.read_exact(&mut uuid).await.unwrap();
    assert_eq!(uuid[..3], [1, 0, 16]);
    assert_eq!(uuid[3..], UUID.as_bytes()[..]);
    (client.unwrap(), far)
}

#[tokio::test]
async fn frames_are_sent_in_order_after_the_uuid() {
    let (mut client, mut far) = call().await;
    client.send_audio(&[1, 2]).await.unwrap();
    let digit = DtmfDigit::new(b'#').unwrap();
    client.send_dtmf(digit).await.unwrap();
    client.send_error(ErrorFlags(4)).await.unwrap();
    client.hangup();
    let mut bytes = Vec::new();
    far.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(
        bytes,
        [0x12, 0, 2, 1, 2, 0x03, 0, 1, b'#', 0xff, 0, 1, 4],
        "the client closes without a hangup frame"
    );
}

#[tokio::test]
async fn a_long_frame_waits_until_the_server_reads() {
    let (near, far) = duplex(16);
    let (mut reader, _writer) = tokio::io::split(far);
    let reading = tokio::spawn(async move {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).await.map(|_| bytes.len())
    });
    let client = Client::with_stream(near, UUID, SampleRate::Hz8000).await;
    let mut client = client.unwrap();
    client.send_audio(&[1; 65_535]).await.unwrap();
    client.hangup();
    assert_eq!(reading.await.unwrap().unwrap(), 19 + 3 + 65_535);
}

#[tokio::test]
async fn replies_come_in_order_and_end_with_the_call() {
    let (mut client, mut far) = call().await;
    far.write_all(&[0x10, 0, 1, 5, 0x11, 0, 2, 6])
        .await
        .unwrap();
    let first = Reply::Audio {
        rate: SampleRate::Hz8000,
        payload: vec![5],
    };
    assert_eq!(client.next().await.unwrap(), Some(first));
    far.write_all(&[7]).await.unwrap();
    let second = Reply::Audio {
        rate: SampleRate::Hz12000,
        payload: vec![6, 7],
    };
    assert_eq!(client.next().await.unwrap(), Some(second));
    far.write_all(&[0x10, 0, 0]).await.unwrap();
    let end = match client.next().await.unwrap() {
        Some(Reply::Ended(ClientEnd::Rejected { kind })) => kind,
        reply => panic!("{reply:?}"),
    };
    assert_eq!(end, SampleRate::Hz8000.kind());
    assert_eq!(client.next().await.unwrap(), None);
    let error = client.send_audio(&[1]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotConnected);
}

#[tokio::test]
async fn the_end_of_the_stream_inside_a_frame_is_a_truncated_end() {
    for (bytes, end) in [
        (&[][..], ClientEnd::ServerClosed),
        (&[0x10, 0], ClientEnd::Truncated),
    ] {
        let (mut client, mut far) = call().await;
        far.write_all(bytes).await.unwrap();
        drop(far);
        assert_eq!(client.next().await.unwrap(), Some(Reply::Ended(end)));
    }
}

#[tokio::test]
async fn audio_of_an_impossible_length_is_refused() {
    let (mut client, _far) = call().await;
    for payload in [&[][..], &[0; 65_536]] {
        let error = client.send_audio(payload).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
    client.send_audio(&[0; 65_535]).await.unwrap();
}

/// Calls as this release, at 16 kHz, and sends audio and a key. The server writes `bytes` and nothing more. Returns the
/// replies, the number of discarded frames, and all that the client sent after its UUID.
async fn call_as(release: &str, bytes: &'static [u8]) -> (Vec<Reply>, u64, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut sent = Vec::new();
        stream.read_to_end(&mut sent).await.unwrap();
        sent.split_off(19)
    });
    let release = release.parse().unwrap();
    let client = Client::connect_as(release, server, UUID, SampleRate::Hz16000).await;
    let mut client = client.unwrap();
    client.send_audio(&[1, 2]).await.unwrap();
    let digit = DtmfDigit::new(b'5').unwrap();
    client.send_dtmf(digit).await.unwrap();
    let mut replies = Vec::new();
    while let Some(reply) = client.next().await.unwrap() {
        replies.push(reply);
    }
    let (discarded, _) = client.discarded();
    client.hangup();
    (replies, discarded, serving.await.unwrap())
}

#[tokio::test]
async fn a_client_accepts_the_kinds_that_its_release_accepts() {
    const WIDE_AND_HANGUP: &[u8] = &[0x12, 0, 2, 1, 2, 0x10, 0, 2, 3, 4, 0, 0, 0];
    let wide = Reply::Audio {
        rate: SampleRate::Hz16000,
        payload: vec![1, 2],
    };
    let narrow = Reply::Audio {
        rate: SampleRate::Hz8000,
        payload: vec![3, 4],
    };
    let hung_up = Reply::Ended(ClientEnd::ServerHungUp);
    let refused = Reply::EndedByAsterisk(AsteriskEnd::Kind(FrameKind(0x12)));
    for (release, replies, discarded) in [
        ("20.12", vec![narrow.clone(), hung_up.clone()], 1),
        ("22.6", vec![refused], 0),
        ("22.10", vec![wide, narrow, hung_up], 0),
    ] {
        let called = call_as(release, WIDE_AND_HANGUP).await;
        assert_eq!((called.0, called.1), (replies, discarded), "{release}");
    }
    let empty = call_as("22.10", &[0x10, 0, 0]).await.0;
    let end = AsteriskEnd::Empty(FrameKind::AUDIO_8K);
    assert_eq!(empty, [Reply::EndedByAsterisk(end)]);
}

#[tokio::test]
async fn a_client_sends_keys_and_wide_audio_as_its_release_does() {
    for (release, sent) in [
        ("20.12", &[0x10, 0, 2, 1, 2][..]),
        ("22.6", &[0x10, 0, 2, 1, 2, 0x03, 0, 1, b'5']),
        ("22.10", &[0x12, 0, 2, 1, 2, 0x03, 0, 1, b'5']),
    ] {
        assert_eq!(call_as(release, &[0, 0, 0]).await.2, sent, "{release}");
    }
}

#[tokio::test]
async fn a_client_ends_the_call_at_a_pause_that_ends_it_on_its_release() {
    for (release, bytes, end) in [
        ("20.14", &[0x10][..], AsteriskEnd::HeaderInParts),
        ("20.14", &[0x10, 0, 2, 1], AsteriskEnd::PayloadInParts),
        ("22.10", &[0x10, 0, 2, 1], AsteriskEnd::PayloadPaused),
        ("22.10", &[], AsteriskEnd::Inactivity),
    ] {
        let (replies, ..) = call_as(release, bytes).await;
        assert_eq!(replies, [Reply::EndedByAsterisk(end)], "{release} {end}");
    }
}
