//! `audiosocket serve play`.

use std::path::{Path, PathBuf};

use audiosocket_media::{Prompt, SampleRate};
use audiosocket_testing::load::synthesize_speech;
use tempfile::TempDir;

use crate::listening::{ListeningCaller, trimmed};
use crate::process::{ServeProcess, audiosocket, count, line};

/// Returns samples without a repetition and without 0.
pub(crate) fn noise(samples: usize) -> Vec<i16> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 50) as i16 | 1
    };
    std::iter::repeat_with(next).take(samples).collect()
}

/// Writes a WAV file into `directory`.
pub(crate) fn wav_file(directory: &TempDir, rate: u32, channels: u16, samples: &[i16]) -> PathBuf {
    let path = directory.path().join("prompt.wav");
    let spec = hound::WavSpec {
        channels,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    for sample in samples {
        writer.write_sample(*sample).unwrap();
    }
    writer.finalize().unwrap();
    path
}

pub(crate) fn playing(runtime: &str, file: &Path, args: &[&str]) -> ServeProcess {
    let server = ["serve", "play", "--runtime", runtime];
    let mut command = audiosocket(server.into_iter().chain(args.iter().copied()));
    command.arg(file);
    ServeProcess::run(command, 1)
}

on_every_runtime! {
    the_file_is_played_sample_for_sample_and_then_the_call_is_hung_up,
    a_loop_has_no_gap,
}

fn the_file_is_played_sample_for_sample_and_then_the_call_is_hung_up(runtime: &str) {
    let directory = TempDir::new().unwrap();
    // A frame has 320 samples at 16 kHz.
    let samples = noise(5_000);
    let server = playing(runtime, &wav_file(&directory, 16_000, 1, &samples), &[]);
    for _ in 0..2 {
        let mut call = ListeningCaller::begin_speaking(server.addr(), 0x12, 0x12);
        // Without --barge-in, speech and keys do not interrupt.
        call.send(&synthesize_speech(SampleRate::Hz16000)[..16_000]);
        call.press("5");
        call.receive_to_the_end();
        assert_eq!(trimmed(&call.samples), samples);
        let last = call
            .samples
            .iter()
            .rposition(|sample| *sample != 0)
            .unwrap();
        // The last frame is padded, and the tail of 100 ms follows. A busy machine leaves out late frames of it.
        let rest = call.samples.len() - last;
        assert!(rest <= 1_600 + 320, "{rest} samples after the end");
        call.hang_up();
    }
    let log = server.terminate();
    let ended: Vec<_> = log
        .lines()
        .filter(|line| line.contains("call ended"))
        .collect();
    assert_eq!(ended.len(), 2);
    for ended in ended {
        assert!(ended.contains("end=hung up by this side"), "{ended}");
        // The server may play 200 ms of silence before the caller's first audio.
        let played = count(ended, "frames_out") - count(ended, "silence");
        assert!((16..=26).contains(&played), "{ended}");
        assert_eq!(count(ended, "underruns"), 0);
    }
}

fn a_loop_has_no_gap(runtime: &str) {
    assert_loops(runtime, 2_401, 20_000, SampleRate::Hz8000);
}

/// The tail of a second has at least one frame on any machine.
#[test]
fn silence_of_the_tail_leaves_before_the_hangup() {
    let directory = TempDir::new().unwrap();
    let samples = noise(1_600);
    let file = wav_file(&directory, 8_000, 1, &samples);
    for (tail, has_tail) in [("0s", false), ("1s", true)] {
        let server = playing("tokio", &file, &["--tail", tail]);
        let mut call = ListeningCaller::begin(server.addr(), 0x10);
        call.receive_to_the_end();
        let played = trimmed(&call.samples);
        assert_eq!(played, samples);
        assert_eq!(call.samples.ends_with(&[0; 160]), has_tail, "{tail}");
        call.hang_up();
        server.terminate();
    }
}

#[test]
fn a_loop_has_no_gap_at_the_rate_of_the_caller() {
    assert_loops("tokio", 2_401, 40_000, SampleRate::Hz16000);
}

#[test]
fn a_long_loop_has_no_gap_between_its_parts() {
    // A part has at most 2 s.
    assert_loops("tokio", 81_001, 45_000, SampleRate::Hz8000);
}

/// Asserts that the first `wanted` samples of a loop of 8 kHz have no gap. The caller has this rate.
#[track_caller]
fn assert_loops(runtime: &str, samples: usize, wanted: usize, rate: SampleRate) {
    let directory = TempDir::new().unwrap();
    let samples = noise(samples);
    // The program repeats short files until they last a second.
    let repeated = samples.repeat(8_000_usize.div_ceil(samples.len()));
    let expected = Prompt::from_samples(SampleRate::Hz8000, repeated).at(rate);
    let server = playing(
        runtime,
        &wav_file(&directory, 8_000, 1, &samples),
        &["--loop"],
    );
    let kind = rate.kind().0;
    let mut call = ListeningCaller::begin_speaking(server.addr(), kind, kind);
    call.receive_samples(wanted);
    let received = trimmed(&call.samples);
    let expected: Vec<_> = expected.samples().collect();
    let starts = expected.iter().position(|sample| *sample != 0).unwrap();
    let mut pairs = received.iter().zip(expected.iter().cycle().skip(starts));
    let differs = pairs.position(|(received, expected)| received != expected);
    assert_eq!(differs, None, "of {} samples", received.len());
    call.hang_up();
    let log = server.terminate();
    line(
        &log,
        &["call ended", "end=closed by the peer", "underruns=0"],
    );
}
