//! `audiosocket call` with WAV files: the audio that callers send, and recordings of the audio that they receive.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use audiosocket_media::wav::{self, WavWriter};
use audiosocket_media::{SampleRate, pcm};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::{audiosocket, call, run, started, text};
use crate::server::{
    Frame, is_audio, read_frame, serve, serve_audio, serve_recorded_echo, write_frame,
};

/// Speech of 4.6 s, at 8 kHz.
const SPEECH: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../audiosocket-media/tests/speech/auth-incorrect.wav"
);

/// Longer than every file of the tests.
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_caller_that_expects_any_audio_sends_silence_so_as_not_to_interrupt() {
    let (server, received) = serve_recorded_echo();
    let report = call(server, &["--expect", "any", "--duration", "200ms"]);
    assert_eq!(report.failure(), "nothing but silence came");
    assert_eq!(report.count("/frames/sent"), 10);
    assert!(
        received
            .take(10)
            .iter()
            .all(|frame| *frame == (0x10, vec![0; 320]))
    );
}

#[test]
fn the_caller_sends_the_file_and_then_silence() {
    let dir = TempDir::new().unwrap();
    let samples: Vec<_> = (1..=1_000).collect();
    let file = wav_file(&dir, "sent.wav", SampleRate::Hz8000, &samples);
    for (options, frames) in [(&[][..], 7), (&["--duration", "300ms"][..], 15)] {
        let (code, sent) = say(&file, options);
        assert_eq!(code, 0);
        let mut wanted = samples.clone();
        wanted.resize(160 * frames, 0);
        assert_eq!(slin(&sent), wanted);
        assert!(
            sent.iter()
                .all(|(kind, audio)| (*kind, audio.len()) == (0x10, 320))
        );
    }
}

#[test]
fn the_file_is_converted_to_the_rate_of_the_call() {
    let file = PathBuf::from(SPEECH);
    let options = ["--rate", "slin16", "--duration", "1s"];
    let (code, sent) = say(&file, &options);
    assert_eq!(code, 0);
    let wanted = wav::read_file(SPEECH, SampleRate::Hz16000, MINUTE).unwrap();
    assert_eq!(slin(&sent), wanted[..16_000]);
    assert!(sent.iter().all(|(kind, _)| *kind == 0x12));
}

#[test]
fn the_echo_of_a_file_is_checked() {
    let options = ["--audio", SPEECH, "--duration", "1s", "--calls", "2"];
    let echo = serve_audio(|_, frame| vec![(0x10, vec![0; 320]), frame]);
    let report = call(echo, &options);
    assert_eq!((report.code, report.count("/frames/echoed")), (0, 100));
    assert_eq!(report.count("/frames/silence"), 100);

    let bad_echo = serve_audio(|number, (kind, mut audio)| match number {
        10 | 11 => Vec::new(),
        20 => {
            audio[300] ^= 1;
            vec![(kind, audio)]
        }
        30 => vec![(kind, audio.clone()), (kind, audio)],
        _ => vec![(kind, audio)],
    });
    let report = call(bad_echo, &options);
    assert_eq!((report.code, report.count("/frames/echoed")), (1, 2 * 47));
    assert_eq!(report.count("/frames/missing"), 2 * 2);
    assert_eq!(report.count("/frames/wrong"), 2);
    assert_eq!(report.count("/frames/extra"), 2);
}

#[test]
fn silence_in_the_file_needs_no_echo() {
    let dir = TempDir::new().unwrap();
    let mut samples = vec![0; 160 * 4];
    samples[200] = 77;
    samples[500] = 77;
    let file = wav_file(&dir, "sent.wav", SampleRate::Hz8000, &samples);
    let without_silence = serve_audio(|_, frame| match frame.1.iter().all(|byte| *byte == 0) {
        true => Vec::new(),
        false => vec![frame],
    });
    let audio = ["--audio", file.to_str().unwrap()];
    for server in [serve_audio(|_, frame| vec![frame]), without_silence] {
        let report = call(server, &audio);
        assert_eq!(report.code, 0);
        assert_eq!(report.count("/frames/sent"), 4);
        assert_eq!(report.count("/frames/echoed"), 2);
    }
}

#[test]
fn a_burst_is_recorded_whole() {
    let speech = wav::read_file(SPEECH, SampleRate::Hz8000, MINUTE).unwrap();
    let mut frames = frames(0x10, &speech[..8_000]);
    frames.push((0x00, Vec::new()));
    let server = serve_audio(move |number, _| match number {
        0 => frames.clone(),
        _ => Vec::new(),
    });
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("recorded.wav");
    let report = call(
        server,
        &[
            "--expect",
            "any",
            "--duration",
            "60s",
            "--record",
            file.to_str().unwrap(),
        ],
    );
    assert_eq!((report.code, report.count("/recordings/written")), (0, 1));
    let recorded = read(&file, SampleRate::Hz8000);
    let ahead = recorded.len() - 8_000;
    assert_eq!(recorded[ahead..], speech[..8_000]);
    assert!(recorded[..ahead].iter().all(|sample| *sample == 0));
}

#[test]
fn the_recording_has_pauses_and_the_rate_of_the_first_speech() {
    let server = serve(|mut stream| {
        while !is_audio(&read_frame(&mut stream)?) {}
        // Silence at 8 kHz, and then speech at 16 kHz.
        write_frame(&mut stream, 0x10, &[0; 320])?;
        write_frame(&mut stream, 0x12, &[7, 0].repeat(320))?;
        thread::sleep(Duration::from_millis(500));
        write_frame(&mut stream, 0x12, &[9, 0].repeat(320))?;
        write_frame(&mut stream, 0x10, &[0; 1600])?;
        write_frame(&mut stream, 0x12, &[5, 0].repeat(320))?;
        write_frame(&mut stream, 0x00, &[])?;
        while read_frame(&mut stream).is_ok() {}
        Ok(())
    });
    let dir = TempDir::new().unwrap();
    let name = dir.path().join("{uuid}.wav");
    let uuid = "40325ec2-5efd-4bd3-805f-53576e581d13";
    let report = call(
        server,
        &[
            "--expect",
            "any",
            "--uuid",
            uuid,
            "--duration",
            "60s",
            "--record",
            name.to_str().unwrap(),
        ],
    );
    assert_eq!((report.code, report.count("/recordings/written")), (0, 1));
    let recorded = read(&dir.path().join(format!("{uuid}.wav")), SampleRate::Hz16000);
    let mut pieces: Vec<(i16, usize)> = Vec::new();
    for sample in recorded {
        match pieces.last_mut() {
            Some((value, len)) if *value == sample => *len += 1,
            _ => pieces.push((sample, 1)),
        }
    }
    let [
        (0, ahead),
        (7, 320),
        (0, pause),
        (9, 320),
        (0, 1600),
        (5, 320),
    ] = pieces[..]
    else {
        panic!("{pieces:?}");
    };
    assert!(ahead >= 320, "20 ms of silence are first");
    assert!(
        pause > 16 * 60,
        "only pauses of more than 60 ms are recorded: {pause}"
    );
}

#[test]
fn each_call_has_its_own_recording() {
    let dir = TempDir::new().unwrap();
    let name = dir.path().join("recorded-{uuid}.wav");
    let name = name.to_str().unwrap();
    let server = serve_audio(|_, frame| vec![frame]);
    let options = ["--calls", "5", "--duration", "200ms", "--record", name];
    let report = call(server, &options);
    assert_eq!((report.code, report.count("/recordings/written")), (0, 5));
    let files: Vec<_> = dir
        .path()
        .read_dir()
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    assert_eq!(files.len(), 5);
    for file in files {
        let recorded = read(&file, SampleRate::Hz8000);
        assert!(recorded.len() >= 1_600, "{file:?}");
    }
}

#[test]
fn a_blocked_disk_delays_no_call_and_no_signal() {
    let dir = TempDir::new().unwrap();
    // Opening a pipe without a reader blocks.
    let fifo = dir.path().join("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let fifo = fifo.to_str().unwrap();
    // More frames at once than may wait for the disk.
    let server = serve_audio(|number, frame| vec![frame; if number == 0 { 2_000 } else { 0 }]);
    let options = ["--duration", "2s", "--expect", "any", "--record", fifo];
    let report = call(server, &[&options[..], &["--audio", SPEECH]].concat());
    assert_eq!((report.code, report.count("/calls/completed")), (1, 1));
    assert_eq!(report.count("/recordings/failed"), 1);
    let error = report.figures["recordings"]["error"].as_str().unwrap();
    assert!(error.ends_with("the disk is too slow"), "{error}");

    let (server, received) = serve_recorded_echo();
    let server = server.to_string();
    let endless = ["call", &server, "--duration", "1h", "--record", fifo];
    let mut caller = started(audiosocket(endless), 0);
    received.take(5);
    caller.signal(Signal::INT).unwrap();
    assert_eq!(caller.wait().unwrap().status.code(), Some(130));
}

#[test]
fn a_recording_that_cannot_be_written_fails_the_run() {
    let dir = TempDir::new().unwrap();
    let name = dir.path().join("not-there/{uuid}.wav");
    let name = name.to_str().unwrap();
    let server = serve_audio(|_, frame| vec![frame]);
    let options = ["--calls", "3", "--duration", "200ms", "--record", name];
    let report = call(server, &options);
    assert_eq!((report.code, report.count("/calls/completed")), (1, 3));
    assert_eq!(report.count("/recordings/failed"), 3);
    assert_eq!(report.count("/recordings/written"), 0);
    let error = report.figures["recordings"]["error"].as_str().unwrap();
    assert!(
        error.contains("not-there") && error.contains("No such file"),
        "{error}"
    );

    let server = server.to_string();
    let output = run(["call", &server, "--duration", "100ms", "--record", name]);
    assert!(
        text(&output.stdout).contains("\nfailed        1 recording: "),
        "{}",
        text(&output.stdout)
    );
}

/// Calls a server with this file. Returns the exit code and the audio that the server received.
fn say(file: &Path, options: &[&str]) -> (i32, Vec<Frame>) {
    let (server, received) = serve_recorded_echo();
    let audio = ["--audio", file.to_str().unwrap()];
    let report = call(server, &[&audio[..], options].concat());
    (report.code, received.take(report.count("/frames/sent")))
}

fn wav_file(dir: &TempDir, name: &str, rate: SampleRate, samples: &[i16]) -> PathBuf {
    let path = dir.path().join(name);
    let mut file = WavWriter::create(&path, rate).unwrap();
    file.write(samples).unwrap();
    file.finish().unwrap();
    path
}

/// Reads a file, and asserts its sample rate.
#[track_caller]
fn read(path: &Path, rate: SampleRate) -> Vec<i16> {
    let header = std::fs::read(path).unwrap();
    assert_eq!(header[24..28], rate.hz().to_le_bytes());
    wav::read_file(path, rate, MINUTE).unwrap()
}

fn slin(frames: &[Frame]) -> Vec<i16> {
    let mut samples = Vec::new();
    for (_, audio) in frames {
        pcm::from_slin(audio, &mut samples);
    }
    samples
}

fn frames(kind: u8, samples: &[i16]) -> Vec<Frame> {
    let mut slin = Vec::new();
    pcm::to_slin(samples, &mut slin);
    slin.chunks(320)
        .map(|audio| (kind, audio.to_vec()))
        .collect()
}
