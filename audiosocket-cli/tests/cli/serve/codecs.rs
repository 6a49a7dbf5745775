//! `audiosocket serve` with callers whose frames of kind `0x10` do not carry slin at 8 kHz.

use std::fs;
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_media::{Codec, Law};
use audiosocket_proto::Frame;
use tempfile::TempDir;

use crate::caller::{begin, end};
use crate::process::{PATIENCE, ServeProcess, audiosocket, line, run, text};
use crate::recordings::{files, finished, say, slin, voice};
use crate::server::{is_audio, read_frame, write_frame};

on_every_runtime! {
    g711_is_echoed_as_slin,
    g722_is_echoed_as_slin_at_8_khz,
    compressed_audio_is_not_echoed_and_warned_of_once,
    wide_audio_is_echoed_at_8_khz_and_warned_of_once,
    compressed_audio_does_not_barge_in,
    compressed_audio_is_recorded_as_its_bytes,
    g722_and_a_given_input_rate_are_recorded_at_16_khz,
}

/// The frames of a codec: see `audiosocket-media/tests/codecs`.
fn compressed(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../audiosocket-media/tests/codecs");
    let file = fs::read(folder.join(format!("{name}.20.bin"))).unwrap();
    let (mut rest, mut payloads) = (&file[..], Vec::new());
    while let Some(frame) = Frame::split_first(&mut rest) {
        payloads.push(frame.payload.to_vec());
    }
    payloads
}

fn send(stream: &mut TcpStream, payloads: &[Vec<u8>]) {
    for payload in payloads {
        write_frame(stream, 0x10, payload).unwrap();
    }
}

/// Ends the call, and returns all samples that the server sent, without silence of whole frames.
fn received(mut stream: TcpStream) -> Vec<i16> {
    stream.shutdown(Shutdown::Write).unwrap();
    let mut received = Vec::new();
    while let Ok(frame) = read_frame(&mut stream) {
        if is_audio(&frame) && frame.1.iter().any(|byte| *byte != 0) {
            assert_eq!(frame.0, 0x10);
            let (pairs, odd) = frame.1.as_chunks::<2>();
            assert!(odd.is_empty());
            received.extend(pairs.iter().map(|pair| i16::from_le_bytes(*pair)));
        }
    }
    received
}

fn rms(samples: &[i16]) -> f64 {
    let power: f64 = samples.iter().map(|at| f64::from(*at).powi(2)).sum();
    (power / samples.len().max(1) as f64).sqrt()
}

fn g711_is_echoed_as_slin(runtime: &str) {
    let server = ServeProcess::start_on(runtime, 1, &[]);
    for law in [Law::A, Law::Mu] {
        for frame in [160, 240] {
            let (mut codes, mut wanted) = (Vec::new(), Vec::new());
            law.encode(&voice(8_160), &mut codes);
            law.decode(&codes, &mut wanted);
            let mut stream = begin(server.addr());
            say(&mut stream, 0x10, &codes, frame);
            assert!(
                received(stream) == wanted,
                "{law} in frames of {frame} bytes"
            );
        }
    }
    assert!(!server.terminate().contains("WARN"));
}

fn g722_is_echoed_as_slin_at_8_khz(runtime: &str) {
    let server = ServeProcess::start_on(runtime, 1, &[]);
    let mut stream = begin(server.addr());
    send(&mut stream, &compressed("g722.voices.-20"));
    let received = received(stream);
    // Two seconds at -20 dB, but for frames of silence.
    assert!(
        (10_000..=16_000).contains(&received.len()),
        "{}",
        received.len()
    );
    let level = rms(&received);
    assert!((1_500.0..4_500.0).contains(&level), "{level}");
}

const COMPRESSED: [(&str, Codec); 6] = [
    ("gsm.voices.-20", Codec::Gsm),
    ("opus24.voices.-20", Codec::Opus),
    ("opus64cbr.voices.-20", Codec::Opus),
    ("g729.voices.-20", Codec::G729),
    ("g726.voices.-20", Codec::G726),
    ("speex16.voices.-20", Codec::Speex),
];

fn compressed_audio_is_not_echoed_and_warned_of_once(runtime: &str) {
    for (name, codec) in COMPRESSED {
        let server = ServeProcess::start_on(runtime, 1, &[]);
        let mut stream = begin(server.addr());
        send(&mut stream, &compressed(name));
        let received = received(stream);
        // The first frame of Opus with a constant bit rate is silence, padded with zeros as slin is.
        assert!(received.len() <= 80, "{name}: {} samples", received.len());
        let log = server.terminate();
        line(&log, &["WARN", &codec.to_string(), "c(slin)", "uuid="]);
    }
}

fn wide_audio_is_echoed_at_8_khz_and_warned_of_once(runtime: &str) {
    let payload = slin(&voice(320));
    let server = ServeProcess::start_on(runtime, 1, &["--input-rate", "16000"]);
    let mut stream = begin(server.addr());
    send(&mut stream, &vec![payload.clone(); 100]);
    let received = received(stream);
    assert!(
        (15_000..=16_000).contains(&received.len()),
        "{}",
        received.len()
    );
    drop(server);

    // Without the option, the server measures the rate.
    let server = ServeProcess::start_on(runtime, 1, &[]);
    let mut stream = begin(server.addr());
    let mut reader = stream.try_clone().unwrap();
    thread::spawn(move || while read_frame(&mut reader).is_ok() {});
    let start = Instant::now();
    let mut due = start;
    while server.logged("slin at 16000 Hz") == 0 {
        assert!(start.elapsed() < PATIENCE, "not measured");
        write_frame(&mut stream, 0x10, &payload).unwrap();
        // The schedule is absolute. A busy machine would make the rate of relative pauses too low.
        due += Duration::from_millis(20);
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    drop(stream);
    line(&server.terminate(), &["WARN", "slin at 16000 Hz", "20.17"]);
}

fn compressed_audio_does_not_barge_in(runtime: &str) {
    let directory = TempDir::new().unwrap();
    let prompt = directory.path().join("prompt.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&prompt, spec).unwrap();
    voice(16_000)
        .iter()
        .for_each(|sample| writer.write_sample(*sample).unwrap());
    writer.finalize().unwrap();
    for (name, codec) in COMPRESSED {
        let mut command = audiosocket([
            "serve",
            "play",
            "--runtime",
            runtime,
            "--barge-in",
            "--loop",
        ]);
        command.arg(&prompt);
        let server = ServeProcess::run(command, 1);
        let mut stream = begin(server.addr());
        send(&mut stream, &compressed(name));
        end(stream);
        let log = server.terminate();
        assert!(!log.contains("interrupted"), "{name}: {log}");
        line(&log, &["WARN", &codec.to_string(), "c(slin)"]);
    }
}

fn compressed_audio_is_recorded_as_its_bytes(runtime: &str) {
    for (name, codec) in COMPRESSED {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_str().unwrap();
        let server = audiosocket(["serve", "record", path, "--runtime", runtime]);
        let server = ServeProcess::run(server, 1);
        let payloads = compressed(name);
        let mut stream = begin(server.addr());
        send(&mut stream, &payloads);
        end(stream);
        let log = server.terminate();
        line(&log, &["WARN", &codec.to_string(), "c(slin)"]);
        let [file] = &files(directory.path())[..] else {
            panic!("not one file: {log}");
        };
        let extension = file.extension().unwrap().to_str().unwrap();
        let mut wanted = Vec::new();
        match codec {
            Codec::Gsm | Codec::G729 | Codec::G726 => {
                assert_eq!(extension, codec.to_string());
                wanted = payloads.concat();
            }
            _ => {
                assert_eq!(extension, format!("{codec}-frames"));
                for payload in payloads {
                    wanted.extend([0x10, 0, payload.len() as u8]);
                    wanted.extend(payload);
                }
            }
        }
        assert!(fs::read(file).unwrap() == wanted, "{name}");
    }
}

fn g722_and_a_given_input_rate_are_recorded_at_16_khz(runtime: &str) {
    for (name, options) in [
        ("g722.voices.-20", &[][..]),
        ("g722.voices.-20", &["--codec", "g722"]),
        ("slin16.voices.-20", &["--input-rate", "16000"]),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_str().unwrap();
        let mut server = audiosocket(["serve", "record", path, "--runtime", runtime]);
        server.args(options);
        let server = ServeProcess::run(server, 1);
        let mut stream = begin(server.addr());
        send(&mut stream, &compressed(name));
        end(stream);
        let log = server.terminate();
        let [file] = &files(directory.path())[..] else {
            panic!("not one file: {log}");
        };
        let (rate, recorded) = finished(file);
        assert_eq!((rate, recorded.len()), (16_000, 32_000), "{log}");
        let level = rms(&recorded);
        assert!((1_500.0..4_500.0).contains(&level), "{name}: {level}");
    }
}

#[test]
fn decode_names_the_codec_on_standard_error() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (file, codec) in [
        ("../audiosocket-proto/captures/dial-alaw.bin", Some("alaw")),
        ("../audiosocket-proto/captures/dial-slin.bin", None),
        (
            "../audiosocket-media/tests/codecs/gsm.voices.-20.20.bin",
            Some("gsm"),
        ),
        (
            "../audiosocket-media/tests/codecs/opus24.voices.-20.20.bin",
            Some("opus"),
        ),
    ] {
        let output = run(["decode", folder.join(file).to_str().unwrap()]);
        let errors = text(&output.stderr);
        match codec {
            Some(codec) => assert!(errors.contains(&format!("likely {codec}")), "{errors}"),
            None => assert_eq!(errors, ""),
        }
    }
}
