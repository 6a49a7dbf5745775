//! Measures the CPU time of each function for 20 ms of audio, and how many calls one core carries.
//!
//! Run it with `cargo bench -p audiosocket-media --all-features`. The last line has the number of calls.

use std::hint::black_box;
use std::time::{Duration, Instant};

use audiosocket_media::dtmf::{DtmfDetector, DtmfToneOptions, dtmf_tones};
use audiosocket_media::vad::{EnergyOptions, EnergyVad};
use audiosocket_media::{
    AudioDecoder, Codec, CodecDetector, Decoded, Law, Resampler, SampleRate, pcm,
};
use audiosocket_proto::Audio;
use criterion::{BatchSize, Criterion, criterion_group};

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = g711, formats, resample, vad, dtmf, codec
}

fn main() {
    benches();
    calls_per_core();
    Criterion::default().configure_from_args().final_summary();
}

/// Returns 20 ms of audio that is similar to a voice: harmonics and noise.
fn frame(rate: SampleRate) -> Vec<i16> {
    let len = rate.samples_in(Duration::from_millis(20)) as usize;
    let mut state = 1_u32;
    let sample = |at: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let phase = at as f32 / rate.hz() as f32 * std::f32::consts::TAU;
        let harmonics: f32 = (1..12)
            .map(|n| (phase * 150.0 * n as f32).sin() / n as f32)
            .sum();
        (harmonics * 6_000.0) as i16 + (state >> 24) as i16 - 128
    };
    (0..len).map(sample).collect()
}

fn g711(c: &mut Criterion) {
    let mut group = c.benchmark_group("g711");
    let samples = frame(SampleRate::Hz8000);
    for law in [Law::Mu, Law::A] {
        let mut codes = vec![0; samples.len()];
        group.bench_function(format!("{law}/encode"), |b| {
            b.iter(|| law.encode_into(black_box(&samples), &mut codes));
        });
        let mut decoded = vec![0; samples.len()];
        group.bench_function(format!("{law}/decode"), |b| {
            b.iter(|| law.decode_into(black_box(&codes), &mut decoded));
        });
    }
}

fn formats(c: &mut Criterion) {
    let mut group = c.benchmark_group("pcm");
    let samples = frame(SampleRate::Hz8000);
    let (mut slin, mut floats, mut stereo) = (Vec::new(), Vec::new(), Vec::new());
    pcm::to_slin(&samples, &mut slin);
    pcm::to_f32(&samples, &mut floats);
    pcm::upmix(&samples, 2, &mut stereo);
    let mut out = Vec::with_capacity(2 * samples.len());
    let mut bytes = Vec::with_capacity(slin.len());
    let mut wide = Vec::with_capacity(samples.len());
    group.bench_function("from_slin", |b| {
        b.iter(|| {
            out.clear();
            pcm::from_slin(black_box(&slin), &mut out);
        });
    });
    group.bench_function("to_slin", |b| {
        b.iter(|| {
            bytes.clear();
            pcm::to_slin(black_box(&samples), &mut bytes);
        });
    });
    group.bench_function("to_f32", |b| {
        b.iter(|| {
            wide.clear();
            pcm::to_f32(black_box(&samples), &mut wide);
        });
    });
    group.bench_function("from_f32", |b| {
        b.iter(|| {
            out.clear();
            pcm::from_f32(black_box(&floats), &mut out);
        });
    });
    group.bench_function("downmix", |b| {
        b.iter(|| {
            out.clear();
            pcm::downmix(black_box(&stereo), 2, &mut out);
        });
    });
    group.bench_function("upmix", |b| {
        b.iter(|| {
            out.clear();
            pcm::upmix(black_box(&samples), 2, &mut out);
        });
    });
}

fn resample(c: &mut Criterion) {
    use SampleRate::{Hz8000, Hz16000, Hz24000, Hz44100, Hz48000};
    let mut group = c.benchmark_group("resample");
    for (from, to) in [
        (Hz8000, Hz16000),
        (Hz16000, Hz8000),
        (Hz8000, Hz24000),
        (Hz24000, Hz8000),
        (Hz8000, Hz44100),
        (Hz44100, Hz8000),
        (Hz8000, Hz48000),
        (Hz48000, Hz8000),
    ] {
        let frame = frame(from);
        let mut resampler = Resampler::new(from, to);
        let mut out = Vec::with_capacity(to.hz() as usize);
        group.bench_function(format!("{}/{}", from.hz(), to.hz()), |b| {
            b.iter(|| {
                out.clear();
                resampler.push(black_box(&frame), &mut out);
            });
        });
    }
    group.bench_function("new/8000/16000", |b| {
        b.iter(|| Resampler::new(Hz8000, Hz16000));
    });
}

fn vad(c: &mut Criterion) {
    let mut group = c.benchmark_group("vad");
    let frame = frame(SampleRate::Hz8000);
    let mut events = Vec::new();
    let mut energy = EnergyVad::new(SampleRate::Hz8000, EnergyOptions::default());
    group.bench_function("energy", |b| {
        b.iter(|| {
            events.clear();
            energy.push(black_box(&frame), &mut events);
        });
    });
    #[cfg(feature = "earshot")]
    {
        use audiosocket_media::vad::{SpeechOptions, SpeechVad};
        let mut speech = SpeechVad::new(SampleRate::Hz8000, SpeechOptions::default());
        group.bench_function("speech", |b| {
            b.iter(|| {
                events.clear();
                speech.push(black_box(&frame), &mut events);
            });
        });
    }
}

/// A voice, silence, and a key that is held.
fn dtmf(c: &mut Criterion) {
    let mut group = c.benchmark_group("dtmf");
    let second = Duration::from_secs(1);
    for rate in [SampleRate::Hz8000, SampleRate::Hz16000, SampleRate::Hz48000] {
        let key = dtmf_tones(
            "5",
            rate,
            DtmfToneOptions::default().durations(second, second),
        );
        let key: Vec<i16> = key.expect("a key").samples().collect();
        let voice = frame(rate);
        let len = voice.len();
        for (name, frame) in [
            ("voice", voice),
            ("silence", vec![0; len]),
            ("key", key[len..2 * len].to_vec()),
        ] {
            let mut detector = DtmfDetector::new(rate);
            let mut events = Vec::new();
            group.bench_function(format!("{}/{name}", rate.hz()), |b| {
                b.iter(|| {
                    events.clear();
                    detector.push(black_box(&frame), &mut events);
                });
            });
        }
    }
}

/// The detector until it has decided, and a decoder once it knows the codec, beside the codec alone.
fn codec(c: &mut Criterion) {
    let frame = frame(SampleRate::Hz8000);
    let (mut codes, mut slin) = (Vec::new(), Vec::new());
    Law::Mu.encode(&frame, &mut codes);
    pcm::to_slin(&frame, &mut slin);
    // 20 ms of GSM.
    let gsm = [0xd8; 33];
    let (ulaw, at) = (Codec::G711(Law::Mu), Instant::now());
    let mut group = c.benchmark_group("codec");
    for (codec, payload) in [(ulaw, &codes), (Codec::Slin, &slin)] {
        let undecided = CodecDetector::default();
        group.bench_function(format!("{codec}/detect"), |b| {
            b.iter_batched_ref(
                || undecided.clone(),
                |detector| detector.push(black_box(payload), at),
                BatchSize::SmallInput,
            );
        });
        let mut detector = CodecDetector::default();
        while detector.push(payload, at).is_none() {}
        group.bench_function(format!("{codec}/detected"), |b| {
            b.iter(|| detector.push(black_box(payload), at));
        });
        let mut decoder = AudioDecoder::new();
        for number in 0..100 {
            let at = at + number * Duration::from_millis(20);
            decoder.push(Audio::new(SampleRate::Hz8000, payload), at);
        }
        assert!(decoder.is_rate_known());
        group.bench_function(format!("{codec}/decoder"), |b| {
            b.iter(|| {
                decoder.push(Audio::new(SampleRate::Hz8000, black_box(payload)), at)
                    == Decoded::Undecided
            });
        });
        let mut samples = Vec::with_capacity(160);
        group.bench_function(format!("{codec}/decode alone"), |b| {
            b.iter(|| {
                samples.clear();
                match codec {
                    Codec::Slin => pcm::from_slin(black_box(payload), &mut samples),
                    _ => Law::Mu.decode(black_box(payload), &mut samples),
                }
            });
        });
    }
    let mut decoder = AudioDecoder::new();
    for _ in 0..10 {
        decoder.push(Audio::new(SampleRate::Hz8000, &gsm), at);
    }
    assert_eq!(decoder.codec(), Some(Codec::Gsm));
    group.bench_function("gsm/decoder", |b| {
        b.iter(|| {
            decoder.push(Audio::new(SampleRate::Hz8000, black_box(&gsm)), at) == Decoded::Undecided
        });
    });
    let mut decoder = AudioDecoder::new().with_codec(Codec::G722);
    group.bench_function("g722/decoder", |b| {
        b.iter(|| {
            decoder.push(Audio::new(SampleRate::Hz8000, black_box(&codes)), at)
                == Decoded::Undecided
        });
    });
}

/// Measures the calls that one core carries, for a bot with models at 16 kHz. Each call has two resamplers. µ-law is
/// decoded and resampled to 16 kHz. The answer is resampled to 8 kHz and encoded as µ-law.
fn calls_per_core() {
    const CALLS: usize = 1_000;
    let mut calls: Vec<_> = (0..CALLS)
        .map(|_| {
            let up = Resampler::new(SampleRate::Hz8000, SampleRate::Hz16000);
            (up, Resampler::new(SampleRate::Hz16000, SampleRate::Hz8000))
        })
        .collect();
    let mut codes = Vec::new();
    Law::Mu.encode(&frame(SampleRate::Hz8000), &mut codes);
    let (mut narrow, mut wide) = (Vec::new(), Vec::new());
    let mut frame_of_each = || {
        let started = Instant::now();
        for (up, down) in &mut calls {
            narrow.clear();
            wide.clear();
            Law::Mu.decode(black_box(&codes), &mut narrow);
            up.push(&narrow, &mut wide);
            narrow.clear();
            down.push(&wide, &mut narrow);
            let mut answer = [0; 320];
            let answer = &mut answer[..narrow.len()];
            Law::Mu.encode_into(&narrow, answer);
            black_box(answer);
        }
        started.elapsed()
    };
    let mut best = frame_of_each();
    for _ in 0..50 {
        best = best.min(frame_of_each());
    }
    let each = best / CALLS as u32;
    println!(
        "ulaw, 8 to 16 kHz and back: {each:?} for 20 ms of a call, {:?} for a second of a call; \
         {:.0} calls on one core",
        each * 50,
        Duration::from_millis(20).as_secs_f64() / each.as_secs_f64(),
    );
}
