//! Measures whether the time of a played frame grows with the length of the queue and the number of calls.
//!
//! Run it with `cargo bench -p audiosocket-proto --bench playout`. The time of one frame, mark or piece is
//! the inverse of `elem/s`. It should be equal on all lines of a group. Only cache misses may add to it:
//! 10,000 items do not fit the caches near a core.

use std::hint::black_box;
use std::time::Duration;

use audiosocket_proto::{
    AudioBuf, Bed, Bytes, MarkOutcome, Playout, PlayoutOutput, SampleRate, SessionConfig, Timestamp,
};
use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main,
};

/// Numbers of marks, pieces or calls.
const NUMBERS: [usize; 5] = [1, 10, 100, 1_000, 10_000];

/// Frames played, or marks set, per playout.
const BATCH: usize = 1000;

const RATE: SampleRate = SampleRate::Hz8000;
const FRAME: usize = 320;
const PTIME: Duration = Duration::from_millis(20);

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600));
    targets = frame_before_marks, frame_of_pieces, mark_behind_pieces, clear, frame_of_calls, frame_of_a_bed
}
criterion_main!(benches);

/// A frame of one long piece, with marks after it.
fn frame_before_marks(c: &mut Criterion) {
    let prompt = Bytes::from(vec![7; (BATCH + 1) * FRAME]);
    for_each_number(c, "frame before marks", |group, n| {
        group.throughput(Throughput::Elements(BATCH as u64));
        group.bench_function(n.to_string(), |b| {
            let setup = || {
                let mut call = Call::new();
                call.playout
                    .play(AudioBuf::new(RATE, prompt.clone()), &mut Vec::new())
                    .expect("room");
                for _ in 0..n {
                    call.playout.mark(0).expect("room");
                }
                call
            };
            let play = |call: &mut Call| {
                for _ in 0..BATCH {
                    call.frame();
                }
            };
            b.iter_batched_ref(setup, play, BatchSize::LargeInput);
        });
    });
}

/// A frame and its mark are played, and one of each is queued, as with speech that is synthesized in small
/// pieces.
fn frame_of_pieces(c: &mut Criterion) {
    for_each_number(c, "frame, mark, and one more of each", |group, n| {
        group.throughput(Throughput::Elements(1));
        group.bench_function(n.to_string(), |b| {
            let mut call = Call::with_pieces(n);
            b.iter(|| {
                call.frame();
                let mark = call.playout.poll_mark(true);
                assert_eq!(mark, Some((0, MarkOutcome::Played)));
                call.piece();
            });
        });
    });
}

fn mark_behind_pieces(c: &mut Criterion) {
    for_each_number(c, "mark", |group, n| {
        group.throughput(Throughput::Elements(BATCH as u64));
        group.bench_function(n.to_string(), |b| {
            let setup = || Call::with_pieces(n);
            let mark = |call: &mut Call| {
                for _ in 0..BATCH {
                    call.playout.mark(0).expect("room");
                }
            };
            b.iter_batched_ref(setup, mark, BatchSize::LargeInput);
        });
    });
}

/// Barge-in: the time per dropped piece with its mark. With one piece, it includes the fixed time.
fn clear(c: &mut Criterion) {
    for_each_number(c, "clear", |group, n| {
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(n.to_string(), |b| {
            let clear = |call: &mut Call| {
                black_box(call.playout.clear(&mut Vec::new()));
                while let Some((_, outcome)) = call.playout.poll_mark(true) {
                    assert_eq!(outcome, MarkOutcome::Cleared);
                }
            };
            b.iter_batched_ref(|| Call::with_pieces(n), clear, BatchSize::LargeInput);
        });
    });
}

/// One frame on each of many calls that play the same prompt.
fn frame_of_calls(c: &mut Criterion) {
    let frames = 1500;
    let prompt = Bytes::from(vec![7; frames * FRAME]);
    for_each_number(c, "frame on each of many calls", |group, n| {
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(n.to_string(), |b| {
            let mut calls: Vec<_> = (0..n).map(|_| Call::new()).collect();
            let mut ticks = 0;
            b.iter(|| {
                for call in &mut calls {
                    if ticks % frames == 0 {
                        call.playout
                            .play(AudioBuf::new(RATE, prompt.clone()), &mut Vec::new())
                            .expect("room");
                    }
                    call.frame();
                }
                ticks += 1;
            });
        });
    });
}

/// A frame of silence into which a bed is mixed. The volume of the bed is not changed, and then it is.
fn frame_of_a_bed(c: &mut Criterion) {
    let mut group = c.benchmark_group("frame of a bed");
    for rate in [RATE, SampleRate::Hz16000] {
        for volume in [1.0, 0.5] {
            let mut call = Call::new();
            let bed = Bed::new(AudioBuf::new(rate, vec![7; 16_000])).volume(volume);
            call.playout.set_bed(bed, &mut Vec::new()).expect("a call");
            group.bench_function(format!("{rate}, volume {volume}"), |b| {
                b.iter(|| {
                    let output = call.playout.poll(call.due, true, &mut Vec::new());
                    call.due = call.due + PTIME;
                    black_box(output)
                });
            });
        }
    }
}

/// A playout, and the time of its next frame.
struct Call {
    playout: Playout<u64>,
    due: Timestamp,
}

impl Call {
    fn new() -> Self {
        let config = SessionConfig::new().max_playout(Duration::from_secs(3600));
        let mut playout = Playout::new(&config);
        playout.start(Timestamp::ZERO);
        Self {
            playout,
            due: Timestamp::ZERO,
        }
    }

    fn with_pieces(n: usize) -> Self {
        let mut call = Self::new();
        for _ in 0..n {
            call.piece();
        }
        call
    }

    /// Queues a frame's worth, and a mark behind it.
    fn piece(&mut self) {
        let piece = Bytes::from_static(&[7; FRAME]);
        self.playout
            .play(AudioBuf::new(RATE, piece), &mut Vec::new())
            .expect("room");
        self.playout.mark(0).expect("room");
    }

    /// Plays one frame, as a driver does.
    fn frame(&mut self) {
        assert_eq!(self.playout.poll_timeout(), Some(self.due));
        let output = self.playout.poll(self.due, true, &mut Vec::new());
        let PlayoutOutput::Frame(frame) = output else {
            panic!("expected a frame, got {output:?}");
        };
        assert_eq!(black_box(frame).bytes()[0], 7);
        self.due = self.due + PTIME;
    }
}

fn for_each_number(
    c: &mut Criterion,
    name: &str,
    mut bench: impl FnMut(&mut BenchmarkGroup<'_, WallTime>, usize),
) {
    let mut group = c.benchmark_group(name);
    for n in NUMBERS {
        bench(&mut group, n);
    }
}
