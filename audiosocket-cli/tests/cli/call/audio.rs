//! `audiosocket call` with WAV files: what the caller says, and what it has heard.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use audiosocket_media::file::AudioReader;
use audiosocket_media::wav::WavWriter;
use audiosocket_media::{SampleRate, pcm};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::{audiosocket, call, run, started, text};
use crate::server::{
    Frame, is_audio, read_frame, serve, serve_audio, serve_echo_that_tells, write_frame,
};

/// Speech of 4.6 s, at 8 kHz.
const SPEECH: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../audiosocket-media/tests/speech/auth-incorrect.wav"
);

/// Any of them is long enough for tests.
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_file_is_said_to_its_end_and_then_silence() {
    let dir = TempDir::new().unwrap();
    let samples: Vec<_> = (1..=1_000).collect();
    let file = wav_file(&dir, "said.wav", SampleRate::Hz8000, &samples);
    for (options, frames) in [(&[][..], 7), (&["--duration", "300ms"][..], 15)] {
        let (report, said) = say(&file, options);
        assert_eq!(report, 0);
        let mut wanted = samples.clone();
        wanted.resize(160 * frames, 0);
        assert_eq!(slin(&said), wanted);
        assert!(
            said.iter()
                .all(|(kind, audio)| (*kind, audio.len()) == (0x10, 320))
        );
    }
}

#[test]
fn a_file_is_converted_to_the_format_of_the_call() {
    let file = PathBuf::from(SPEECH);
    let options = ["--rate", "slin16", "--duration", "1s"];
    let (code, said) = say(&file, &options);
    assert_eq!(code, 0);
    let wanted = AudioReader::open(SPEECH)
        .unwrap()
        .read_all(SampleRate::Hz16000, MINUTE)
        .unwrap();
    assert_eq!(slin(&said), wanted[..16_000]);
    assert!(said.iter().all(|(kind, _)| *kind == 0x12));
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
fn silence_in_a_file_needs_not_come_back() {
    let dir = TempDir::new().unwrap();
    let mut samples = vec![0; 160 * 4];
    samples[200] = 77;
    samples[500] = 77;
    let file = wav_file(&dir, "said.wav", SampleRate::Hz8000, &samples);
    let silent_as_well = serve_audio(|_, frame| match frame.1.iter().all(|byte| *byte == 0) {
        true => Vec::new(),
        false => vec![frame],
    });
    let audio = ["--audio", file.to_str().unwrap()];
    for server in [serve_audio(|_, frame| vec![frame]), silent_as_well] {
        let report = call(server, &audio);
        assert_eq!(report.code, 0);
        assert_eq!(report.count("/frames/sent"), 4);
        assert_eq!(report.count("/frames/echoed"), 2);
    }
}

#[test]
fn what_came_at_once_is_recorded_whole() {
    let speech = AudioReader::open(SPEECH)
        .unwrap()
        .read_all(SampleRate::Hz8000, MINUTE)
        .unwrap();
    let mut frames = frames(0x10, &speech[..8_000]);
    frames.push((0x00, Vec::new()));
    let server = serve_audio(move |number, _| match number {
        0 => frames.clone(),
        _ => Vec::new(),
    });
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("heard.wav");
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
    let heard = read(&file, SampleRate::Hz8000);
    let ahead = heard.len() - 8_000;
    assert_eq!(heard[ahead..], speech[..8_000]);
    assert!(heard[..ahead].iter().all(|sample| *sample == 0));
}

#[test]
fn a_pause_is_in_the_recording_and_its_rate_is_that_of_speech() {
    let server = serve(|mut stream| {
        while !is_audio(&read_frame(&mut stream)?) {}
        // From another rate, and in a file of 16 kHz.
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
    let heard = read(&dir.path().join(format!("{uuid}.wav")), SampleRate::Hz16000);
    let mut pieces: Vec<(i16, usize)> = Vec::new();
    for sample in heard {
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
    assert!(ahead >= 320, "20 ms of silence came first");
    assert!(pause > 16 * 60, "shorter ones are not recorded: {pause}");
}

#[test]
fn each_call_has_a_recording_of_its_own() {
    let dir = TempDir::new().unwrap();
    let name = dir.path().join("heard-{uuid}.wav");
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
        let heard = read(&file, SampleRate::Hz8000);
        assert!(heard.len() >= 1_600, "{file:?}");
    }
    let output = run([
        "call",
        "127.0.0.1:9",
        "--calls",
        "2",
        "--record",
        "heard.wav",
    ]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("{uuid}"));
}

#[test]
fn a_recording_that_nothing_takes_holds_up_neither_the_call_nor_a_signal() {
    let dir = TempDir::new().unwrap();
    // Nobody reads it, so that opening it takes for ever.
    let fifo = dir.path().join("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let fifo = fifo.to_str().unwrap();
    // More frames than may wait, at once.
    let server = serve_audio(|number, frame| vec![frame; if number == 0 { 2_000 } else { 0 }]);
    let options = ["--duration", "2s", "--expect", "any", "--record", fifo];
    let report = call(server, &options);
    assert_eq!((report.code, report.count("/calls/completed")), (1, 1));
    assert_eq!(report.count("/recordings/failed"), 1);
    let error = report.figures["recordings"]["error"].as_str().unwrap();
    assert!(error.ends_with("the disk is too slow"), "{error}");

    let (server, said) = serve_echo_that_tells();
    let server = server.to_string();
    let endless = ["call", &server, "--duration", "1h", "--record", fifo];
    let mut caller = started(audiosocket(endless), 0);
    said.take(5);
    caller.signal(Signal::INT).unwrap();
    assert_eq!(caller.wait().unwrap().status.code(), Some(130));
}

#[test]
fn a_recording_that_cannot_be_written_is_a_failure_of_the_run() {
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
        text(&output.stdout).contains("\n1 recording failed: "),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn a_file_that_cannot_be_said_is_an_error() {
    let dir = TempDir::new().unwrap();
    let empty = wav_file(&dir, "empty.wav", SampleRate::Hz8000, &[]);
    let quiet = wav_file(&dir, "quiet.wav", SampleRate::Hz8000, &[5; 8_000]);
    let barge_in = ["--barge-in-after", "1s"];
    for (file, options, code, problem) in [
        (
            Path::new("not-there.wav"),
            &[][..],
            1,
            "not-there.wav: reading the file failed: No such file",
        ),
        (Path::new(file!()), &[][..], 1, "No such file"),
        (
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")),
            &[],
            1,
            "not a WAV file",
        ),
        (&empty, &[], 2, "no audio in the file"),
        (&quiet, &barge_in, 2, "loud enough to barge in"),
    ] {
        let file = file.to_str().unwrap();
        let args = ["call", "127.0.0.1:9", "--audio", file];
        let output = run(args.into_iter().chain(options.iter().copied()));
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{file}: {stderr}");
        assert!(stderr.contains(problem), "{file}: {stderr}");
    }
}

/// The exit code of a call that says this file, and the audio that came to the server.
fn say(file: &Path, options: &[&str]) -> (i32, Vec<Frame>) {
    let (server, said) = serve_echo_that_tells();
    let audio = ["--audio", file.to_str().unwrap()];
    let report = call(server, &[&audio[..], options].concat());
    (report.code, said.take(report.count("/frames/sent")))
}

fn wav_file(dir: &TempDir, name: &str, rate: SampleRate, samples: &[i16]) -> PathBuf {
    let path = dir.path().join(name);
    let mut file = WavWriter::create(&path, rate).unwrap();
    file.write(samples).unwrap();
    file.finish().unwrap();
    path
}

/// What is in a file that has to have this rate.
#[track_caller]
fn read(path: &Path, rate: SampleRate) -> Vec<i16> {
    let header = std::fs::read(path).unwrap();
    assert_eq!(header[24..28], rate.hz().to_le_bytes());
    AudioReader::open(path)
        .unwrap()
        .read_all(rate, MINUTE)
        .unwrap()
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
