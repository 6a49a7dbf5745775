//! Measures the detector of keys: `cargo run --release -p audiosocket-media --example dtmf_table -- DIR...`.
//!
//! The first table has the usual tests of receivers (ITU-T Q.24, and Bellcore TR-TSY-000763). The second table has false
//! keys in all WAV files of the directories: `tests/dtmf/make` makes an hour of speech and more.

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/common/key_signal.rs"]
mod key_signal;

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use audiosocket_media::file::AudioReader;
use audiosocket_media::{Law, SampleRate};
use key_signal::{KeySignal, found};

/// Each key is pressed this often in each test.
const ROUNDS: usize = 100;

const RATE: SampleRate = SampleRate::Hz8000;

/// The level of speech in ITU-T Q.24, in dBm0, as dB of full scale of a square wave. A sine at 0 dBm0 is at -6.15 dB there.
const SPEECH_LEVEL: f64 = -15.0 - 6.15;

fn main() {
    println!("| test | value | found | extra |");
    println!("|---|---|---|---|");
    receiver_tests();
    println!("\n| directory | audio | false keys |");
    println!("|---|---|---|");
    for directory in env::args().skip(1) {
        talk_off(Path::new(&directory));
    }
}

fn row(test: &str, value: &str, signal: KeySignal) {
    let rounds = ROUNDS * 8_000 / signal.rate.hz() as usize;
    let score = KeySignal { rounds, ..signal }.score();
    println!(
        "| {test} | {value} | {} of {} | {} |",
        score.right, score.presses, score.extra
    );
}

/// A row for each value.
fn rows(test: &str, unit: &str, values: &[f64], signal: impl Fn(f64) -> KeySignal) {
    for value in values {
        row(test, &format!("{value} {unit}"), signal(*value));
    }
}

fn receiver_tests() {
    let plain = KeySignal::default();
    row("all keys, 40 ms, pause 40 ms", "-12 dBm0", plain);
    for rate in SampleRate::ALL {
        row(
            "sample rate",
            &format!("{} Hz", rate.hz()),
            KeySignal { rate, ..plain },
        );
    }
    for law in [Law::Mu, Law::A] {
        let signal = KeySignal {
            law: Some(law),
            ..plain
        };
        rows(
            &format!("level of both tones, {law}"),
            "dBm0",
            &[0.0, -3.0, -20.0, -36.0, -40.0],
            |level| KeySignal {
                low: level,
                high: level,
                ..signal
            },
        );
    }
    rows(
        "level of both tones",
        "dBm0",
        &[3.0, 0.0, -3.0, -25.0, -36.0, -38.0, -40.0, -45.0, -55.0],
        |level| KeySignal {
            low: level,
            high: level,
            ..plain
        },
    );
    rows(
        "high tone louder by",
        "dB",
        &[4.0, 5.0, 6.0, 7.0, 8.0],
        |twist| KeySignal {
            high: -20.0 + twist,
            low: -20.0,
            ..plain
        },
    );
    rows(
        "high tone quieter by",
        "dB",
        &[8.0, 9.0, 10.0, 11.0, 12.0],
        |twist| KeySignal {
            low: -12.0,
            high: -12.0 - twist,
            ..plain
        },
    );
    let deviations = [
        -4.0, -3.5, -3.0, -2.5, -1.8, -1.5, 1.5, 1.8, 2.5, 3.0, 3.5, 4.0,
    ];
    rows(
        "frequency of the low tone",
        "%",
        &deviations,
        |low_deviation| KeySignal {
            low_deviation,
            tone_ms: 50.0,
            ..plain
        },
    );
    rows(
        "frequency of the high tone",
        "%",
        &deviations,
        |high_deviation| KeySignal {
            high_deviation,
            tone_ms: 50.0,
            ..plain
        },
    );
    rows(
        "both frequencies, 500 ms",
        "%",
        &deviations,
        |low_deviation| KeySignal {
            low_deviation,
            high_deviation: low_deviation,
            tone_ms: 500.0,
            ..plain
        },
    );
    rows(
        "duration",
        "ms",
        &[
            15.0, 20.0, 23.0, 24.0, 26.0, 28.0, 30.0, 32.0, 34.0, 36.0, 40.0,
        ],
        |tone_ms| KeySignal { tone_ms, ..plain },
    );
    rows(
        "pause",
        "ms",
        &[40.0, 35.0, 30.0, 25.0, 20.0, 15.0],
        |pause_ms| KeySignal { pause_ms, ..plain },
    );
    rows(
        "interruption of 100 ms",
        "ms",
        &[5.0, 10.0, 12.0, 15.0, 20.0, 25.0],
        |interruption_ms| KeySignal {
            tone_ms: 100.0,
            interruption_ms,
            ..plain
        },
    );
    rows(
        "white noise below the tones",
        "dB",
        &[20.0, 15.0, 10.0, 6.0, 4.0, 2.0],
        |below| KeySignal {
            noise_below: Some(below),
            ..plain
        },
    );
    rows(
        "white noise, 50 ms",
        "dB",
        &[20.0, 15.0, 10.0, 6.0, 4.0, 2.0],
        |below| KeySignal {
            noise_below: Some(below),
            tone_ms: 50.0,
            pause_ms: 50.0,
            ..plain
        },
    );
    for (name, tones) in [
        ("350 + 440 Hz", &[350.0, 440.0][..]),
        ("425 Hz", &[425.0]),
        ("400 Hz", &[400.0]),
        ("450 Hz", &[450.0]),
    ] {
        rows(
            &format!("dial tone {name}, louder by"),
            "dB",
            &[0.0, 6.0, 10.0, 15.0],
            |louder| KeySignal {
                low: -20.0,
                high: -20.0,
                dial_tone: Some((tones, -20.0 + louder)),
                ..plain
            },
        );
    }
}

/// Counts keys in audio that has none.
fn talk_off(directory: &Path) {
    let mut files = Vec::new();
    find_wav_files(directory, &mut files);
    files.sort();
    let (mut samples_of_all, mut false_keys) = (0, 0);
    for path in &files {
        let file = AudioReader::open(path)
            .and_then(|mut file| file.read_all(RATE, Duration::from_secs(7_200)));
        let samples = match file {
            Ok(samples) => at_speech_level(&samples),
            Err(error) => {
                eprintln!("{}: {error}", path.display());
                continue;
            }
        };
        samples_of_all += samples.len();
        for (key, at, duration) in found(RATE, &samples) {
            false_keys += 1;
            eprintln!(
                "{}: {} at {:.3} s for {} ms",
                path.display(),
                char::from(key),
                at as f64 / 8_000.0,
                duration / 8
            );
        }
    }
    let minutes = samples_of_all as f64 / 8_000.0 / 60.0;
    println!(
        "| {}, {} files | {minutes:.1} min | {false_keys} |",
        directory.display(),
        files.len()
    );
}

fn find_wav_files(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("the directory is readable") {
        let path = entry.expect("the directory is readable").path();
        if path.is_dir() {
            find_wav_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "wav") {
            files.push(path);
        }
    }
}

/// Brings the loud parts to the level of speech, and passes them through µ-law.
fn at_speech_level(samples: &[i16]) -> Vec<i16> {
    let power = |frame: &[i16]| {
        let squares: f64 = frame.iter().map(|at| f64::from(*at).powi(2)).sum();
        squares / frame.len() as f64 / 32_768_f64.powi(2)
    };
    let loud: Vec<f64> = samples
        .chunks(160)
        .map(power)
        .filter(|power| *power > 1e-5)
        .collect();
    let mean = loud.iter().sum::<f64>() / loud.len().max(1) as f64;
    let gain = if mean > 0.0 {
        (10_f64.powf(SPEECH_LEVEL / 10.0) / mean).sqrt()
    } else {
        1.0
    };
    let louder = |at: &i16| {
        Law::Mu.decode_sample(Law::Mu.encode_sample((f64::from(*at) * gain).round() as i16))
    };
    samples.iter().map(louder).collect()
}
