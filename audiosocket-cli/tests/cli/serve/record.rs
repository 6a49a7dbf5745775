//! `audiosocket serve record`.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_media::Law;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::caller::{HANGUP, UUID_TEXT, begin, end};
use crate::process::{PATIENCE, ServeProcess, audiosocket, line};
use crate::recordings::{files, finished, name, now, playable, say, slin, voice};
use crate::server::{read_frame, write_frame};

on_every_runtime! {
    a_call_is_recorded_sample_for_sample,
    each_rate_of_a_call_has_its_own_file,
    a_law_and_u_law_are_recorded_as_speech,
    a_pause_has_its_length_in_the_recording,
    skip_pauses_leaves_pauses_out,
    written_audio_survives_a_kill,
    a_signal_finishes_every_recording,
    a_full_disk_ends_a_recording_but_no_call,
    a_removed_directory_is_an_error_until_it_exists_again,
    calls_with_the_same_uuid_have_a_file_each,
}

/// A server that records, and its directory.
struct Recorder {
    directory: TempDir,
    server: ServeProcess,
}

impl Recorder {
    fn start(runtime: &str, args: &[&str]) -> Self {
        Self::wrapped(&[], runtime, args)
    }

    /// Starts the server with `wrapper`, a command that takes the command of the server as its last arguments.
    fn wrapped(wrapper: &[&str], runtime: &str, args: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_str().unwrap();
        let server = ["serve", "record", path, "--runtime", runtime];
        let program = audiosocket(server.into_iter().chain(args.iter().copied()));
        let command = match wrapper {
            [] => program,
            [shell, args @ ..] => {
                let mut command = Command::new(shell);
                command.args(args).arg(program.get_program());
                command.args(program.get_args()).env_remove("RUST_LOG");
                command
            }
        };
        let server = ServeProcess::run(command, 1);
        Self { directory, server }
    }

    fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Returns all recordings, sorted by name.
    fn files(&self) -> Vec<PathBuf> {
        files(self.directory.path())
    }

    /// Waits until this many samples of the only recording can be played.
    fn wait_for(&self, samples: usize) {
        self.wait_for_all(1, samples);
    }

    /// Waits until there are this many recordings, and this many samples of each can be played.
    fn wait_for_all(&self, recordings: usize, samples: usize) {
        let deadline = Instant::now() + PATIENCE;
        let has_samples =
            |file: &PathBuf| playable(file).is_some_and(|(_, found)| found.len() >= samples);
        let all_have = || {
            let files = self.files();
            files.len() == recordings && files.iter().all(has_samples)
        };
        while !all_have() {
            assert!(Instant::now() < deadline, "no recording in time");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends the server. Returns the rate and the samples of the only recording, and the log.
    fn recorded(self) -> (u32, Vec<i16>, String) {
        let log = self.server.terminate();
        let [file] = &files(self.directory.path())[..] else {
            panic!("there is not one recording: {log}");
        };
        let (rate, samples) = finished(file);
        (rate, samples, log)
    }
}

fn a_call_is_recorded_sample_for_sample(runtime: &str) {
    let recorder = Recorder::start(runtime, &[]);
    let samples = voice(80_000);
    let before = now();
    let mut stream = begin(recorder.addr());
    // The first frame has 4 s of audio, so the rest is not late, even on a busy machine.
    let audio = slin(&samples);
    let (first, rest) = audio.split_at(65_534);
    say(&mut stream, 0x10, first, 65_534);
    say(&mut stream, 0x10, rest, 482);
    end(stream);
    let after = now();
    recorder.server.wait_for_log(1, "recorded");
    let name = name(&recorder.files()[0]).to_owned();
    let (time, uuid) = name.split_once('-').unwrap();
    assert!(
        *before <= *time && *time <= *after,
        "{before} {time} {after}"
    );
    assert_eq!(uuid, format!("{UUID_TEXT}.wav"));
    let (rate, recorded, log) = recorder.recorded();
    assert_eq!((rate, recorded.len()), (8_000, samples.len()));
    assert!(recorded == samples);
    let recorded = format!("file=\"{name}\" seconds=10.000 lost=0 rate=8000 codec=slin");
    line(&log, &["INFO", "recorded", UUID_TEXT, &recorded]);
    line(
        &log,
        &["all recordings ended", "calls=1 files=1 failed=0 lost=0"],
    );
}

fn each_rate_of_a_call_has_its_own_file(runtime: &str) {
    let recorder = Recorder::start(runtime, &["--skip-pauses"]);
    let samples = voice(10_000);
    let mut stream = begin(recorder.addr());
    let rates = [
        8_000, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000,
    ];
    for kind in 0x10..=0x18 {
        say(&mut stream, kind, &slin(&samples), 640);
        // The time in the names has milliseconds.
        thread::sleep(Duration::from_millis(5));
    }
    end(stream);
    recorder.server.terminate();
    let files = files(recorder.directory.path());
    assert_eq!(files.len(), rates.len());
    let mut found: Vec<_> = files.iter().map(|file| finished(file)).collect();
    found.sort();
    for ((found, recorded), rate) in found.into_iter().zip(rates) {
        assert_eq!(found, rate);
        assert!(recorded == samples);
    }
}

fn a_law_and_u_law_are_recorded_as_speech(runtime: &str) {
    for (law, options) in [
        (Law::A, &[][..]),
        (Law::Mu, &[]),
        (Law::Mu, &["--codec", "ulaw"]),
    ] {
        let recorder = Recorder::start(runtime, options);
        let (mut codes, mut wanted) = (Vec::new(), Vec::new());
        law.encode(&voice(40_000), &mut codes);
        law.decode(&codes, &mut wanted);
        let mut stream = begin(recorder.addr());
        // Packets of 30 ms.
        say(&mut stream, 0x10, &codes, 240);
        end(stream);
        let (rate, recorded, log) = recorder.recorded();
        assert_eq!((rate, recorded.len()), (8_000, wanted.len()));
        assert!(recorded == wanted);
        line(&log, &["recorded", &format!("codec={law}")]);
    }
}

/// Sends a second of speech, then after a pause 20 ms of speech. Returns the duration of the call.
fn pause(recorder: &Recorder, samples: &[i16]) -> Duration {
    let began = Instant::now();
    let mut stream = begin(recorder.addr());
    say(&mut stream, 0x10, &slin(&samples[..8_000]), 320);
    // The server has the audio before the pause starts.
    recorder.wait_for(8_000);
    thread::sleep(Duration::from_millis(2_500));
    say(&mut stream, 0x10, &slin(&samples[8_000..]), 320);
    end(stream);
    began.elapsed()
}

fn a_pause_has_its_length_in_the_recording(runtime: &str) {
    let recorder = Recorder::start(runtime, &[]);
    let samples = voice(8_160);
    let took = pause(&recorder, &samples);
    let (_, recorded, log) = recorder.recorded();
    assert!(recorded[..8_000] == samples[..8_000], "a burst has no gap");
    let quiet = recorded[8_000..].iter().take_while(|sample| **sample == 0);
    let quiet = quiet.count();
    // The speech came at once, so its second is a part of the pause.
    let passed = Duration::from_millis(1_480).as_millis() as usize * 8;
    assert!(quiet >= passed, "{quiet} samples: {log}");
    let end = &recorded[8_000 + quiet..];
    assert!(end[..160] == samples[8_000..]);
    assert!(end[160..].iter().all(|sample| *sample == 0));
    let passed = took.as_millis() as usize * 8;
    assert!(recorded.len() <= passed + 8, "{} samples", recorded.len());
}

fn skip_pauses_leaves_pauses_out(runtime: &str) {
    let recorder = Recorder::start(runtime, &["--skip-pauses"]);
    let samples = voice(8_160);
    pause(&recorder, &samples);
    assert!(recorder.recorded().1 == samples);
}

fn written_audio_survives_a_kill(runtime: &str) {
    const CALLS: usize = 50;
    let recorder = Recorder::start(runtime, &["--skip-pauses"]);
    let samples = voice(27_000);
    let audio = slin(&samples);
    let mut streams: Vec<_> = (0..CALLS).map(|_| begin(recorder.addr())).collect();
    for stream in &mut streams {
        say(stream, 0x10, &audio, 320);
    }
    // The server writes less than a second of audio after a second of time.
    recorder.wait_for_all(CALLS, samples.len());
    // The callers send while `drop` kills the server with SIGKILL.
    let (begun, half) = mpsc::channel();
    let talking = thread::spawn(move || {
        for payload in audio.chunks(320) {
            for stream in &mut streams {
                // Fails when the server is gone.
                let _ = write_frame(stream, 0x10, payload);
            }
            let _ = begun.send(());
        }
    });
    half.recv().unwrap();
    let Recorder { directory, server } = recorder;
    drop(server);
    drop(half);
    talking.join().unwrap();
    let files = files(directory.path());
    assert_eq!(files.len(), CALLS);
    for file in files {
        let (rate, recorded) = playable(&file).unwrap();
        assert_eq!(rate, 8_000);
        assert!(recorded.len() >= samples.len());
        assert!(recorded[..samples.len()] == samples);
        assert!(samples.starts_with(&recorded[samples.len()..]));
    }
}

fn a_signal_finishes_every_recording(runtime: &str) {
    let recorder = Recorder::start(runtime, &["--drain", "100ms"]);
    let samples = voice(20_000);
    let mut streams = Vec::new();
    for _ in 0..10 {
        let mut stream = begin(recorder.addr());
        say(&mut stream, 0x10, &slin(&samples), 320);
        streams.push(stream);
    }
    // The server has read all audio. It may not have written all of it.
    recorder.wait_for_all(streams.len(), samples.len());
    recorder.server.signal(Signal::TERM);
    for mut stream in streams {
        while read_frame(&mut stream).unwrap() != HANGUP {}
        end(stream);
    }
    let Recorder { directory, server } = recorder;
    let (code, log) = server.wait();
    assert_eq!(code, 0, "{log}");
    for file in files(directory.path()) {
        let (_, recorded) = finished(&file);
        assert!(recorded[..samples.len()] == samples);
        assert!(recorded[samples.len()..].iter().all(|sample| *sample == 0));
    }
    line(
        &log,
        &["all recordings ended", "calls=10 files=10 failed=0 lost=0"],
    );
}

fn a_full_disk_ends_a_recording_but_no_call(runtime: &str) {
    // A limit of the file size fails writes as a full disk does. Without the trap, its signal would end the process.
    let limit = "trap '' XFSZ; ulimit -f 70; exec \"$@\"";
    let recorder = Recorder::wrapped(&["sh", "-c", limit, "sh"], runtime, &[]);
    let samples = voice(80_000);
    let mut stream = begin(recorder.addr());
    say(&mut stream, 0x10, &slin(&samples), 320);
    // The call goes on after its recording has failed.
    recorder.wait_for(15_000);
    stream.write_all(b"\x03\x00\x015").unwrap();
    say(&mut stream, 0x10, &slin(&samples[..800]), 320);
    end(stream);
    let failed = recorder.files().remove(0);
    let mut stream = begin(recorder.addr());
    say(&mut stream, 0x10, &slin(&samples[..10_000]), 320);
    end(stream);
    let Recorder { directory, server } = recorder;
    let log = server.terminate();

    let (_, recorded) = finished(&failed);
    assert!((15_000..80_000).contains(&recorded.len()));
    assert!(recorded == samples[..recorded.len()]);
    let failure = line(&log, &["ERROR", "recording failed", name(&failed)]);
    assert!(failure.contains("File too large"), "{failure}");
    let seconds = format!("seconds={:.3}", recorded.len() as f64 / 8_000.0);
    line(&log, &["WARN", "recorded in part", name(&failed), &seconds]);
    let ended = log.lines().filter(|line| line.contains("call ended"));
    let healthy = |line: &&str| line.contains("end=closed by the peer");
    assert_eq!(ended.filter(healthy).count(), 2, "{log}");

    let files = files(directory.path());
    let [_, next] = &files[..] else {
        panic!("there are not two recordings: {log}");
    };
    let (_, recorded) = finished(next);
    assert!(recorded[..10_000] == samples[..10_000]);
    line(&log, &["all recordings ended", "calls=2 files=2 failed=1"]);
}

fn a_removed_directory_is_an_error_until_it_exists_again(runtime: &str) {
    let recorder = Recorder::start(runtime, &[]);
    let samples = voice(4_000);
    let call = || {
        let mut stream = begin(recorder.addr());
        say(&mut stream, 0x10, &slin(&samples), 320);
        end(stream);
    };
    fs::remove_dir(recorder.directory.path()).unwrap();
    for _ in 0..30 {
        call();
    }
    let server = &recorder.server;
    server.wait_for_log(30, "not recorded");
    fs::create_dir(recorder.directory.path()).unwrap();
    call();
    let (_, recorded, log) = recorder.recorded();
    assert!(recorded[..4_000] == samples);
    let errors = log.lines().filter(|line| line.contains("ERROR"));
    let errors: Vec<_> = errors.collect();
    assert!((1..=30).contains(&errors.len()));
    assert!(errors[0].contains("No such file or directory"), "{log}");
    line(
        &log,
        &["all recordings ended", "calls=31 files=1 failed=30"],
    );
}

fn calls_with_the_same_uuid_have_a_file_each(runtime: &str) {
    let recorder = Recorder::start(runtime, &[]);
    let samples = voice(4_000);
    let mut streams: Vec<_> = (0..20).map(|_| begin(recorder.addr())).collect();
    for stream in &mut streams {
        say(stream, 0x10, &slin(&samples), 320);
    }
    streams.into_iter().for_each(end);
    recorder.server.terminate();
    let files = files(recorder.directory.path());
    assert_eq!(files.len(), 20);
    assert!(files.iter().all(|file| name(file).contains(UUID_TEXT)));
}
