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

use crate::caller::{HANGUP, UUID_TEXT};
use crate::process::{PATIENCE, ServeProcess, audiosocket, line, run, text};
use crate::recordings::{begin, end, files, finished, name, now, playable, say, slin, voice};
use crate::server::{read_frame, write_frame};

on_every_runtime! {
    a_call_is_recorded_sample_for_sample,
    each_rate_of_a_call_has_its_file,
    what_is_not_slin_is_recorded_as_what_it_is,
    a_pause_is_as_long_as_it_was,
    pauses_are_skipped_if_asked_for,
    what_was_written_survives_a_kill,
    a_signal_finishes_every_recording,
    a_full_disk_ends_a_recording_and_neither_the_call_nor_the_next_one,
    a_directory_that_vanished_is_an_error_until_it_is_back,
    calls_of_one_uuid_have_a_file_each,
    a_directory_that_cannot_be_recorded_into_is_an_error_at_once,
}

/// The directory that is recorded into, and the server.
struct Recorder {
    directory: TempDir,
    server: ServeProcess,
}

impl Recorder {
    fn start(runtime: &str, args: &[&str]) -> Self {
        Self::wrapped(&[], runtime, args)
    }

    /// Started by another command, which ends with where its own arguments are to go.
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

    /// All recordings, by name.
    fn files(&self) -> Vec<PathBuf> {
        files(self.directory.path())
    }

    /// Waits until so many samples of the only recording can be played.
    fn wait_for(&self, samples: usize) {
        self.wait_for_all(1, samples);
    }

    /// The same of each of so many recordings.
    fn wait_for_all(&self, recordings: usize, samples: usize) {
        let deadline = Instant::now() + PATIENCE;
        let there =
            |file: &PathBuf| playable(file).is_some_and(|(_, found)| found.len() >= samples);
        let all_there = || {
            let files = self.files();
            files.len() == recordings && files.iter().all(there)
        };
        while !all_there() {
            assert!(Instant::now() < deadline, "not recorded");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends the server, and gives the only recording, its rate and samples, and the log.
    fn recorded(self) -> (u32, Vec<i16>, String) {
        let log = self.server.terminate();
        let [file] = &files(self.directory.path())[..] else {
            panic!("not one recording: {log}");
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
    // The first is so long that the rest is not late, however busy this machine is.
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

fn each_rate_of_a_call_has_its_file(runtime: &str) {
    let recorder = Recorder::start(runtime, &["--skip-pauses"]);
    let samples = voice(10_000);
    let mut stream = begin(recorder.addr());
    let rates = [
        8_000, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000,
    ];
    for kind in 0x10..=0x18 {
        say(&mut stream, kind, &slin(&samples), 640);
        // Names have the time to a millisecond.
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

fn what_is_not_slin_is_recorded_as_what_it_is(runtime: &str) {
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
        // 30 ms packets, which the server is told of at once.
        say(&mut stream, 0x10, &codes, 240);
        end(stream);
        let (rate, recorded, log) = recorder.recorded();
        assert_eq!((rate, recorded.len()), (8_000, wanted.len()));
        assert!(recorded == wanted);
        line(&log, &["recorded", &format!("codec={law}")]);
    }
}

/// A second of voice, a pause, and the end of a word. Gives how long the call took.
fn pause(recorder: &Recorder, samples: &[i16]) -> Duration {
    let began = Instant::now();
    let mut stream = begin(recorder.addr());
    say(&mut stream, 0x10, &slin(&samples[..8_000]), 320);
    // From here on it is the server's time too.
    recorder.wait_for(8_000);
    thread::sleep(Duration::from_millis(2_500));
    say(&mut stream, 0x10, &slin(&samples[8_000..]), 320);
    end(stream);
    began.elapsed()
}

fn a_pause_is_as_long_as_it_was(runtime: &str) {
    let recorder = Recorder::start(runtime, &[]);
    let samples = voice(8_160);
    let took = pause(&recorder, &samples);
    let (_, recorded, log) = recorder.recorded();
    assert!(recorded[..8_000] == samples[..8_000], "a burst is no gap");
    let quiet = recorded[8_000..].iter().take_while(|sample| **sample == 0);
    let quiet = quiet.count();
    // The voice came at once, and so a second of the pause is what it says.
    let passed = Duration::from_millis(1_480).as_millis() as usize * 8;
    assert!(quiet >= passed, "{quiet} samples: {log}");
    let end = &recorded[8_000 + quiet..];
    assert!(end[..160] == samples[8_000..]);
    assert!(end[160..].iter().all(|sample| *sample == 0));
    let passed = took.as_millis() as usize * 8;
    assert!(recorded.len() <= passed + 8, "{} samples", recorded.len());
}

fn pauses_are_skipped_if_asked_for(runtime: &str) {
    let recorder = Recorder::start(runtime, &["--skip-pauses"]);
    let samples = voice(8_160);
    pause(&recorder, &samples);
    assert!(recorder.recorded().1 == samples);
}

fn what_was_written_survives_a_kill(runtime: &str) {
    const CALLS: usize = 50;
    let recorder = Recorder::start(runtime, &["--skip-pauses"]);
    let samples = voice(27_000);
    let audio = slin(&samples);
    let mut streams: Vec<_> = (0..CALLS).map(|_| begin(recorder.addr())).collect();
    for stream in &mut streams {
        say(stream, 0x10, &audio, 320);
    }
    // Also what is less than a second of audio, after a second of time.
    recorder.wait_for_all(CALLS, samples.len());
    // More is on its way when it dies, which `drop` does to it with SIGKILL.
    let (begun, half) = mpsc::channel();
    let talking = thread::spawn(move || {
        for payload in audio.chunks(320) {
            for stream in &mut streams {
                // Until nobody listens.
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
    // All have been read; what of them has been written is the server's business.
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

fn a_full_disk_ends_a_recording_and_neither_the_call_nor_the_next_one(runtime: &str) {
    // What a full disk does to a write is what this limit does, at a place that can be chosen;
    // without the trap its signal would end the process.
    let limit = "trap '' XFSZ; ulimit -f 70; exec \"$@\"";
    let recorder = Recorder::wrapped(&["sh", "-c", limit, "sh"], runtime, &[]);
    let samples = voice(80_000);
    let mut stream = begin(recorder.addr());
    say(&mut stream, 0x10, &slin(&samples), 320);
    // Some more after it has failed, on the call that goes on.
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
        panic!("not two recordings: {log}");
    };
    let (_, recorded) = finished(next);
    assert!(recorded[..10_000] == samples[..10_000]);
    line(&log, &["all recordings ended", "calls=2 files=2 failed=1"]);
}

fn a_directory_that_vanished_is_an_error_until_it_is_back(runtime: &str) {
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

fn calls_of_one_uuid_have_a_file_each(runtime: &str) {
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

fn a_directory_that_cannot_be_recorded_into_is_an_error_at_once(runtime: &str) {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    let file = directory.path().join("file");
    fs::write(&file, "not a directory").unwrap();
    for (path, problem) in [(&missing, "No such file"), (&file, "Not a directory")] {
        let path = path.to_str().unwrap();
        let listen = ["--runtime", runtime, "--listen", "127.0.0.1:0"];
        let output = run(["serve", "record", path].into_iter().chain(listen));
        assert_eq!(output.status.code(), Some(1));
        let stderr = text(&output.stderr);
        assert!(
            stderr.contains(path) && stderr.contains(problem),
            "{stderr}"
        );
        assert_eq!(text(&output.stdout), "");
    }
    // It leaves nothing behind where it could have.
    let good = Recorder::start(runtime, &[]);
    assert_eq!(good.files(), Vec::<PathBuf>::new());
    good.server.terminate();
}
