//! `audiosocket serve bot`, with a stand-in for espeak-ng; or with the espeak-ng that is installed,
//! if AUDIOSOCKET_TEST_ESPEAK is set, as CI does.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_media::{SampleRate, wav};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use tempfile::TempDir;

use super::heard::{BoundSockets, slin};
use super::process::{AcceptLoop, PATIENCE, audiosocket, line, text};

const MENU: &str = "Please enter up to 8 digits, followed by the hash key. To hang up, press star.";
const MORE: &str = "Please enter more digits, or press star to hang up.";
const NOTHING: &str = "I have no digits.";
const SORRY: &str = "I am sorry, I cannot go on. Goodbye.";
const GOODBYE: &str = "Goodbye.";

/// The kind of slin16.
const KIND: u8 = 0x12;

/// Where the espeak-ng is that is tested with.
fn search_path() -> String {
    let path = std::env::var("PATH").unwrap();
    if std::env::var_os("AUDIOSOCKET_TEST_ESPEAK").is_some() {
        return path;
    }
    format!("{}/tests/stand-ins:{path}", env!("CARGO_MANIFEST_DIR"))
}

/// What espeak-ng makes of `text`.
#[track_caller]
fn spoken(text: &str) -> Vec<i16> {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("speech.wav");
    let status = Command::new("espeak-ng")
        .arg("-w")
        .arg(&path)
        .arg(text)
        .env("PATH", search_path())
        .status();
    assert!(status.expect("espeak-ng is installed").success());
    wav::read_file(&path, SampleRate::Hz16000, Duration::from_secs(60)).unwrap()
}

/// With time enough for espeak-ng on a busy machine.
fn bot(runtime: &str, speech_timeout: &str, args: &[&str]) -> Command {
    let server = [
        "serve",
        "bot",
        "--runtime",
        runtime,
        "--speech-timeout",
        speech_timeout,
    ];
    let mut command = audiosocket(server.into_iter().chain(args.iter().copied()));
    command.env("PATH", search_path());
    command
}

/// The same with another espeak-ng, a shell script in `directory`.
fn bot_with(directory: &TempDir, script: &str, speech_timeout: &str, args: &[&str]) -> Command {
    let espeak = directory.path().join("espeak-ng");
    fs::write(&espeak, script).unwrap();
    fs::set_permissions(&espeak, Permissions::from_mode(0o755)).unwrap();
    let mut command = bot("tokio", speech_timeout, args);
    let path = format!("{}:{}", directory.path().display(), search_path());
    command.env("PATH", path);
    command
}

on_every_runtime! {
    the_menu_is_spoken_digits_are_repeated_and_a_star_ends_the_call,
    keys_interrupt_and_so_does_the_caller,
    who_presses_nothing_is_asked_again,
}

fn the_menu_is_spoken_digits_are_repeated_and_a_star_ends_the_call(runtime: &str) {
    let server = AcceptLoop::run(bot(runtime, "60s", &["--timeout", "1m"]), 1);
    let mut call = BoundSockets::begin(server.addr(), KIND);
    call.hear_all_of(&spoken(MENU));
    // Only a # ends an entry that is shorter than eight digits.
    call.press("12D3#");
    call.hear_all_of(&spoken("You entered 1, 2, 3."));
    call.hear_all_of(&spoken(MORE));
    call.press("87654321");
    call.hear_all_of(&spoken("You entered 8, 7, 6, 5, 4, 3, 2, 1."));
    call.forget();
    call.press("*");
    call.hear_to_the_end();
    assert!(call.has_heard(&spoken(GOODBYE)));
    call.hang_up();
    let log = server.terminate();
    line(
        &log,
        &["call ended", "end=hung up by this side", "exceptions=0"],
    );
    assert!(!log.contains("WARN"), "{log}");
}

fn keys_interrupt_and_so_does_the_caller(runtime: &str) {
    let server = AcceptLoop::run(bot(runtime, "60s", &["--timeout", "1m"]), 1);
    let mut call = BoundSockets::begin(server.addr(), KIND);
    call.hear_sound(10);
    call.press("1");
    call.hear_silence(75);
    assert!(!call.has_heard(&spoken(MENU)));

    call.forget();
    call.press("2345678");
    // Interrupted by the caller, who is heard out.
    call.hear_sound(10);
    call.say(10, 8_000.0, slin);
    call.hear_silence(75);
    assert!(!call.has_heard(&spoken(MORE)));

    // What was said once is known, and said again.
    call.press("12345678");
    call.hear_all_of(&spoken("You entered 1, 2, 3, 4, 5, 6, 7, 8."));
    call.hang_up();
    server.terminate();
}

fn who_presses_nothing_is_asked_again(runtime: &str) {
    let server = AcceptLoop::run(bot(runtime, "60s", &["--timeout", "100ms"]), 1);
    let mut call = BoundSockets::begin(server.addr(), KIND);
    // An entry that is not ended is taken for ended.
    call.press("7");
    call.hear_all_of(&spoken("You entered 7."));
    call.hear_all_of(&spoken(MORE));
    call.forget();
    call.hear_to_the_end();
    for prompt in [NOTHING, MENU, GOODBYE] {
        assert!(call.has_heard(&spoken(prompt)), "{prompt}");
    }
    call.hang_up();
    line(
        &server.terminate(),
        &["call ended", "end=hung up by this side"],
    );
}

/// An espeak-ng that says what the real one says, but of one entry each does nothing until it is
/// killed, fails, writes what is no audio, or leaves a process behind that keeps its output open. Of
/// the first it leaves its process id; the last has the FIFO `left` open for as long as it lives.
const BROKEN: &str = r#"#!/bin/sh
text=$(cat)
case $text in
    'You entered 1.') echo $$ >"${0%/*}/pid"; exec sleep 3600 ;;
    'You entered 2.') echo 'no more memory' >&2; exit 3 ;;
    'You entered 3.') echo 'no audio' ;;
    'You entered 4.') (echo here >&3; exec sleep 3600) 3>"${0%/*}/left" & ;;
    *) printf %s "$text" | PATH=${PATH#*:} espeak-ng "$@" ;;
esac
"#;

#[test]
fn when_speech_fails_the_bot_is_sorry_and_hangs_up() {
    let directory = TempDir::new().unwrap();
    let mut left = fifo(&directory, "left");
    let server = AcceptLoop::run(bot_with(&directory, BROKEN, "10s", &[]), 1);
    for key in ["1#", "2#", "3#", "4#"] {
        let mut call = BoundSockets::begin(server.addr(), KIND);
        call.hear_sound(1);
        call.press(key);
        call.hear_to_the_end();
        assert!(call.has_heard(&spoken(SORRY)), "{key}");
        call.hang_up();
    }
    let pid = fs::read_to_string(directory.path().join("pid")).unwrap();
    let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    assert_eq!(test_kill_process(pid), Err(Errno::SRCH), "it was killed");
    assert_eq!(read_to_end(&mut left), "here\n");

    let log = server.terminate();
    let late = log
        .lines()
        .filter(|line| line.contains("espeak-ng took longer than 10s"));
    assert_eq!(late.count(), 2, "{log}");
    line(
        &log,
        &["WARN", "cannot speak", "exit status: 3", "no more memory"],
    );
    line(&log, &["WARN", "cannot speak", "espeak-ng wrote no audio"]);
}

/// Makes a FIFO in `directory`, and opens it for reading, without waiting for who writes.
fn fifo(directory: &TempDir, name: &str) -> File {
    let path = directory.path().join(name);
    assert!(
        Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let mut options = File::options();
    options
        .read(true)
        .custom_flags(nonblocking)
        .open(path)
        .unwrap()
}

/// Reads until nobody has it open for writing any more.
fn read_to_end(fifo: &mut File) -> String {
    let deadline = Instant::now() + PATIENCE;
    let mut read = Vec::new();
    while let Err(error) = fifo.read_to_end(&mut read) {
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert!(Instant::now() < deadline, "it still runs");
        thread::sleep(Duration::from_millis(5));
    }
    String::from_utf8(read).unwrap()
}

/// An espeak-ng that notes which entries of four digits it is to say, and says none of them before
/// there is a file `go`.
const HELD: &str = r#"#!/bin/sh
directory=${0%/*}
text=$(cat)
case $text in
    'You entered '?', '?', '?', '?.)
        echo "$text" >>"$directory/held"
        while [ ! -e "$directory/go" ]; do sleep 0.05; done ;;
esac
printf %s "$text" | PATH=${PATH#*:} espeak-ng "$@"
"#;

#[test]
fn who_enters_much_at_once_takes_the_voice_from_nobody() {
    let directory = TempDir::new().unwrap();
    let server = AcceptLoop::run(bot_with(&directory, HELD, "60s", &["--timeout", "1m"]), 1);
    let mut much = BoundSockets::begin(server.addr(), KIND);
    much.hear_sound(1);
    let entries: String = (1_000..1_200).map(|entry| format!("{entry}#")).collect();
    much.press(&entries);
    // All of them have been taken when this one has.
    much.press("*");
    much.hear_to_the_end();
    assert!(much.has_heard(&spoken(GOODBYE)));
    much.hang_up();

    let mut call = BoundSockets::begin(server.addr(), KIND);
    call.hear_sound(1);
    call.press("7#");
    fs::write(directory.path().join("go"), "").unwrap();
    call.hear_all_of(&spoken("You entered 7."));
    call.hang_up();
    // One may have been begun by each of the two processes before the next was entered.
    let held = fs::read_to_string(directory.path().join("held")).unwrap_or_default();
    assert!(held.lines().count() <= 2, "{held}");
    let log = server.terminate();
    assert!(!log.contains("WARN"), "{log}");
}

#[test]
fn without_espeak_ng_there_is_no_server_but_a_hint() {
    let mut command = bot("tokio", "60s", &["--listen", "127.0.0.1:0"]);
    let output = command.env("PATH", "/nowhere").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("apt install espeak-ng"));
    assert_eq!(text(&output.stdout), "");

    let args = ["--listen", "127.0.0.1:0", "--voice", "none such"];
    let output = bot("tokio", "60s", &args).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains("espeak-ng failed") && stderr.contains("voice"),
        "{stderr}"
    );
    assert_eq!(text(&output.stdout), "");
}
