//! What a frame costs on its way through each layer, beside a `memcpy` of the same bytes.
//!
//! `cargo bench -p audiosocket-proto`; the time for one frame is the inverse of `elem/s`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use audiosocket_proto::server::{CallDriver, Callbacks, Calls, Peer};
use audiosocket_proto::{
    Audio, Decoder, Event, SampleRate, Session, SessionConfig, Timestamp, Transmit, encoder,
};
use criterion::{Bencher, Criterion, Throughput, criterion_group, criterion_main};

/// Frames in the stream that every bench works on once per iteration.
const FRAMES: usize = 1000;

/// 20 ms at 8 kHz.
const PAYLOAD: usize = 320;
const FRAME: usize = 3 + PAYLOAD;

/// How the stream comes: sizes of the reads.
const WHOLE: usize = FRAME;
/// Cuts nearly every frame, each somewhere else.
const SPLIT: usize = FRAME - 10;
/// A reader that fell behind: 25 frames in one read.
const COALESCED: usize = 25 * FRAME;

const WAYS: [(&str, usize); 3] = [("whole", WHOLE), ("split", SPLIT), ("coalesced", COALESCED)];

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = decode, encode, session_echo, driver_echo
}
criterion_main!(benches);

fn decode(c: &mut Criterion) {
    in_each_way(c, "decode", |b, stream, size| {
        let mut decoder = Decoder::new();
        b.iter(|| {
            let mut frames = 0;
            for mut read in black_box(stream).chunks(size) {
                while let Some(frame) = decoder.decode(&mut read) {
                    black_box(frame);
                    frames += 1;
                }
            }
            assert_eq!(frames, FRAMES);
        });
    });
}

fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode");
    group.throughput(Throughput::Elements(FRAMES as u64));
    let stream = stream();
    let mut copy = vec![0; FRAME];
    group.bench_function("memcpy", |b| {
        b.iter(|| memcpy(&stream, FRAME, &mut copy));
    });
    group.bench_function("audio", |b| {
        let mut out = Vec::with_capacity(FRAME);
        b.iter(|| {
            for frame in black_box(&stream[..]).chunks(FRAME) {
                out.clear();
                let audio = Audio::new(SampleRate::Hz8000, &frame[3..]);
                encoder::encode_audio(audio, &mut out).expect("audio of a frame");
                black_box(&mut out);
            }
        });
    });
}

fn session_echo(c: &mut Criterion) {
    let now = Timestamp::ZERO;
    in_each_way(c, "session echo", |b, stream, size| {
        let mut session = Session::new(SessionConfig::default(), now);
        let mut decoder = Decoder::new();
        let started = session.receive(now, &mut decoder, &mut &UUID[..]);
        assert!(matches!(started, Some(Event::Started(_))));
        b.iter(|| {
            for mut read in black_box(stream).chunks(size) {
                while let Some(event) = session.receive(now, &mut decoder, &mut read) {
                    if let Event::Audio(audio) = event {
                        session.send(now, audio).expect("room for the echo");
                    }
                }
                if let Transmit::Bytes(bytes) = session.poll_transmit() {
                    let len = black_box(bytes).len();
                    session.transmitted(now, len);
                }
            }
        });
    });
}

fn driver_echo(c: &mut Criterion) {
    let now = Timestamp::ZERO;
    in_each_way(c, "driver echo", |b, stream, size| {
        let echo = Arc::new(Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {}));
        let peer = Peer::from("bench");
        let mut driver =
            CallDriver::new(echo, peer, SessionConfig::default(), &Calls::default(), now);
        driver.receive(now, UUID);
        b.iter(|| {
            for read in black_box(stream).chunks(size) {
                driver.receive(now, read);
                if let Transmit::Bytes(bytes) = driver.poll_transmit() {
                    let len = black_box(bytes).len();
                    driver.transmitted(now, len);
                }
            }
        });
    });
}

/// Measures `bench`, which gets the stream and the size of the reads, in each of [`WAYS`].
fn in_each_way(
    c: &mut Criterion,
    name: &str,
    mut bench: impl FnMut(&mut Bencher<'_>, &[u8], usize),
) {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(FRAMES as u64));
    let stream = stream();
    let mut copy = vec![0; COALESCED];
    for (way, size) in WAYS {
        group.bench_function(format!("{way}/memcpy"), |b| {
            b.iter(|| memcpy(&stream, size, &mut copy));
        });
        group.bench_function(way, |b| bench(b, &stream, size));
    }
}

const UUID: &[u8] = b"\x01\x00\x10sixteen bytes !!";

/// The least that could be done with the same bytes, in reads of the same size.
fn memcpy(stream: &[u8], size: usize, copy: &mut [u8]) {
    for read in black_box(stream).chunks(size) {
        copy[..read.len()].copy_from_slice(read);
        black_box(&mut *copy);
    }
}

fn stream() -> Vec<u8> {
    let mut stream = Vec::with_capacity(FRAMES * FRAME);
    for n in 0..FRAMES {
        let payload = [n as u8; PAYLOAD];
        let audio = Audio::new(SampleRate::Hz8000, &payload);
        encoder::encode_audio(audio, &mut stream).expect("audio of a frame");
    }
    stream
}
