//! Measures the time of one frame in each layer. Compares it with `memcpy` of the same bytes, and with the
//! crate `audiosocket` 1.0.0 where that crate has the same function.
//!
//! Run it with `cargo bench -p audiosocket-proto --bench codec`. The time of one frame is the inverse of
//! `elem/s`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use audiosocket::{Message as OtherMessage, RawMessage};
use audiosocket_proto::{
    Audio, Decoder, Event, Message, SampleRate, Session, SessionConfig, Timestamp, Transmit,
    encoder,
};
use audiosocket_server::{CallDriver, Callbacks, Calls, Peer};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};

/// Frames per iteration.
const FRAMES: usize = 1000;

/// 20 ms at 8 kHz.
const PAYLOAD: usize = 320;
const FRAME: usize = 3 + PAYLOAD;

/// How many different frames are in memory. 25 frames fit the first cache, as bytes that were just read
/// do. 1,000 frames do not.
const MEMORIES: [(&str, usize); 2] = [("25 frames", 25), ("1000 frames", FRAMES)];

/// Size of a read of one frame.
const WHOLE: usize = FRAME;
/// Cuts nearly every frame, each at another place.
const SPLIT: usize = FRAME - 10;
/// 25 frames in one read, as for a server that is behind.
const COALESCED: usize = 25 * FRAME;

const WAYS: [(&str, usize); 3] = [("whole", WHOLE), ("split", SPLIT), ("coalesced", COALESCED)];

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600));
    targets = decode, encode, session_echo, driver_echo
}
criterion_main!(benches);

fn decode(c: &mut Criterion) {
    in_each_way(c, "decode", |group, way, reads| {
        group.bench_function(format!("{way}/memcpy"), |b| {
            let mut copy = vec![0; COALESCED];
            b.iter(|| {
                reads.for_each(|read| {
                    copy[..read.len()].copy_from_slice(read);
                    black_box(&mut copy);
                });
            });
        });
        group.bench_function(format!("{way}/frames"), |b| {
            let mut decoder = Decoder::new();
            b.iter(|| {
                reads.for_each(|mut read| {
                    while let Some(frame) = decoder.decode(&mut read) {
                        take(frame.kind.0, frame.payload);
                    }
                });
            });
        });
        group.bench_function(format!("{way}/messages"), |b| {
            let mut decoder = Decoder::new();
            b.iter(|| {
                reads.for_each(|mut read| {
                    while let Some(frame) = decoder.decode(&mut read) {
                        if let Ok(Message::Audio(audio)) = Message::parse(frame) {
                            take(audio.rate() as u8, audio.payload());
                        }
                    }
                });
            });
        });
        if reads.size == SPLIT {
            // The other crate does not join the parts of a cut frame.
            return;
        }
        group.bench_function(format!("{way}/frames, audiosocket 1.0.0"), |b| {
            b.iter(|| {
                reads.for_each(|mut read| {
                    while !read.is_empty() {
                        let frame = RawMessage::try_from(read).expect("a frame");
                        let payload = frame.payload().expect("a whole frame");
                        take(*frame.message_type() as u8, payload);
                        read = &read[3 + payload.len()..];
                    }
                });
            });
        });
        group.bench_function(format!("{way}/messages, audiosocket 1.0.0"), |b| {
            b.iter(|| {
                reads.for_each(|mut read| {
                    while !read.is_empty() {
                        let frame = RawMessage::try_from(read).expect("a frame");
                        let next = 3 + frame.payload().map_or(0, <[u8]>::len);
                        if let Ok(OtherMessage::Audio(Some(payload))) =
                            OtherMessage::try_from(frame)
                        {
                            take(0, payload);
                        }
                        read = &read[next..];
                    }
                });
            });
        });
    });
}

fn encode(c: &mut Criterion) {
    for (memory, frames) in MEMORIES {
        let mut group = group(c, "encode");
        let stream = stream(frames);
        let reads = Reads {
            stream: &stream,
            size: FRAME,
        };
        group.bench_function(format!("{memory}/memcpy"), |b| {
            let mut out = vec![0; FRAME];
            b.iter(|| {
                reads.for_each(|frame| {
                    out[..frame.len()].copy_from_slice(frame);
                    black_box(&mut out);
                });
            });
        });
        group.bench_function(format!("{memory}/audio"), |b| {
            let mut out = Vec::with_capacity(FRAME);
            b.iter(|| {
                reads.for_each(|frame| {
                    out.clear();
                    let audio = Audio::new(SampleRate::Hz8000, &frame[3..]);
                    encoder::encode_audio(audio, &mut out).expect("audio of a frame");
                    black_box(&mut out);
                });
            });
        });
        group.bench_function(format!("{memory}/audio, audiosocket 1.0.0"), |b| {
            b.iter(|| {
                reads.for_each(|frame| {
                    let audio = OtherMessage::Audio(Some(&frame[3..]));
                    black_box(Vec::try_from(audio).expect("audio of a frame"));
                });
            });
        });
    }
}

fn session_echo(c: &mut Criterion) {
    let now = Timestamp::ZERO;
    in_each_way(c, "session echo", |group, way, reads| {
        let mut session = Session::new(SessionConfig::default(), now);
        let mut decoder = Decoder::new();
        let started = session.receive(now, &mut decoder, &mut &UUID[..]);
        assert!(matches!(started, Some(Event::Started(_))));
        group.bench_function(way, |b| {
            b.iter(|| {
                reads.for_each(|mut read| {
                    while let Some(event) = session.receive(now, &mut decoder, &mut read) {
                        if let Event::Audio(audio) = event {
                            session.send(now, audio).expect("room for the echo");
                        }
                    }
                    if let Transmit::Bytes(bytes) = session.poll_transmit() {
                        let len = black_box(bytes).len();
                        session.transmitted(now, len);
                    }
                });
            });
        });
    });
}

fn driver_echo(c: &mut Criterion) {
    let now = Timestamp::ZERO;
    in_each_way(c, "driver echo", |group, way, reads| {
        let echo = Arc::new(Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {}));
        let peer = Peer::from("bench");
        let mut driver =
            CallDriver::new(echo, peer, SessionConfig::default(), &Calls::default(), now);
        driver.receive(now, UUID);
        group.bench_function(way, |b| {
            b.iter(|| {
                reads.for_each(|read| {
                    driver.receive(now, read);
                    if let Transmit::Bytes(bytes) = driver.poll_transmit() {
                        let len = black_box(bytes).len();
                        driver.transmitted(now, len);
                    }
                });
            });
        });
    });
}

/// Measures `bench` in each of [`WAYS`], with each of [`MEMORIES`].
fn in_each_way(
    c: &mut Criterion,
    name: &str,
    mut bench: impl FnMut(&mut BenchmarkGroup<'_, WallTime>, &str, Reads<'_>),
) {
    let mut group = group(c, name);
    for (memory, frames) in MEMORIES {
        let stream = stream(frames);
        for (way, size) in WAYS {
            let reads = Reads {
                stream: &stream,
                size,
            };
            bench(&mut group, &format!("{memory}/{way}"), reads);
        }
    }
}

fn group<'c>(c: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(FRAMES as u64));
    group
}

/// [`FRAMES`] frames in reads of one size. A shorter stream repeats.
#[derive(Clone, Copy)]
struct Reads<'a> {
    stream: &'a [u8],
    size: usize,
}

impl<'a> Reads<'a> {
    fn for_each(self, mut work: impl FnMut(&'a [u8])) {
        for _ in 0..FRAMES * FRAME / self.stream.len() {
            for read in black_box(self.stream).chunks(self.size) {
                work(read);
            }
        }
    }
}

/// Uses a decoded frame, field by field: passing a struct to `black_box` costs more than decoding it.
fn take(kind: u8, payload: &[u8]) {
    black_box(kind);
    black_box(payload.as_ptr());
    black_box(payload.len());
}

const UUID: &[u8] = b"\x01\x00\x10sixteen bytes !!";

fn stream(frames: usize) -> Vec<u8> {
    let mut stream = Vec::with_capacity(frames * FRAME);
    for n in 0..frames {
        let payload = [n as u8; PAYLOAD];
        let audio = Audio::new(SampleRate::Hz8000, &payload);
        encoder::encode_audio(audio, &mut stream).expect("audio of a frame");
    }
    stream
}
