//! Messages to the service manager: the state of the server, and the pings of the watchdog.

use std::fs::File;
use std::io::{PipeReader, Read as _, pipe};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_testing::process::Process;
use rustix::process::Signal;
use tempfile::TempDir;

use super::managed;
use crate::caller::{UUID, begin_echo, end_call};
use crate::process::{PATIENCE, ServeProcess};
use crate::server::write_frame;

/// The interval of the watchdog. The program pings, and checks its status, four times as often.
const WATCHDOG: Duration = Duration::from_millis(100);

/// The message of the watchdog.
const PING: &str = "WATCHDOG=1\n";

/// A time in which a server that runs pings many times, even on a busy machine.
const MANY_PINGS: Duration = Duration::from_secs(2);

on_every_runtime! {
    the_manager_gets_the_state_the_calls_and_pings,
}

fn the_manager_gets_the_state_the_calls_and_pings(runtime: &str) {
    let manager = Manager::new();
    let args = ["--runtime", runtime, "--listen", "127.0.0.1:0"];
    let server = ServeProcess::run_as_is(manager.command(&args), 1);
    assert_eq!(manager.receive(), "READY=1\n");
    manager.wait_for(|message| message == "STATUS=0 calls\n");
    manager.wait_for(|message| message == PING);
    let call = begin_echo(server.addr());
    manager.wait_for(|message| message == "STATUS=1 calls\n");
    end_call(call);
    manager.wait_for(|message| message == "STATUS=0 calls\n");
    server.terminate();
}

#[test]
fn the_manager_gets_the_begin_and_the_end_of_a_reload() {
    let manager = Manager::new();
    let server = manager.start(&[]);
    server.signal(Signal::HUP);
    let reload = manager.wait_for(|message| message.starts_with("RELOADING=1\n"));
    let time = reload
        .trim_end()
        .rsplit("\nMONOTONIC_USEC=")
        .next()
        .unwrap();
    assert!(time.parse::<u64>().unwrap() > 0, "{reload}");
    manager.wait_for(|message| message == "READY=1\n");
    server.terminate();
}

#[test]
fn the_manager_waits_for_the_notice_and_the_drain() {
    for (args, micros) in [
        (&["--drain", "2h"][..], 7_210_000_000_u64),
        (&["--drain-notice", "1h", "--drain", "2h"], 10_810_000_000),
    ] {
        let manager = Manager::new();
        let server = manager.start(args);
        let calls = [begin_echo(server.addr()), begin_echo(server.addr())];
        // Else the last status can be of one call, and the end of a call changes nothing.
        manager.wait_for(|message| message == "STATUS=2 calls\n");
        server.signal(Signal::TERM);
        let stop = manager.wait_for(|message| message.starts_with("STOPPING=1\n"));
        assert_eq!(stop, format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={micros}\n"));
        // While it drains, it reports its calls.
        let [first, second] = calls;
        end_call(first);
        manager.wait_for(|message| message == "STATUS=1 calls\n");
        end_call(second);
        server.signal(Signal::TERM);
        assert_eq!(server.wait().0, 0);
    }
}

#[test]
fn a_full_server_says_so_in_its_status() {
    let manager = Manager::new();
    let server = manager.start(&["--max-calls", "1"]);
    let call = begin_echo(server.addr());
    manager.wait_for(|message| message == "STATUS=1 calls, full: too many calls\n");
    end_call(call);
    server.terminate();
}

#[test]
fn a_server_without_a_manager_or_with_one_that_is_gone_runs() {
    let manager = Manager::new();
    let command = manager.command(&["--listen", "127.0.0.1:0"]);
    drop(manager);
    let server = ServeProcess::run_as_is(command, 1);
    end_call(begin_echo(server.addr()));
    server.signal(Signal::HUP);
    server.wait_for_log(1, "nothing to reload");
    server.terminate();
}

/// A log that is not read blocks all threads that write to it: this is a runtime that hangs.
#[test]
fn a_server_that_hangs_does_not_ping() {
    thread::scope(|scope| {
        for runtime in ["tokio", "smol"] {
            scope.spawn(move || a_runtime_that_hangs_does_not_ping(runtime));
        }
    });
}

fn a_runtime_that_hangs_does_not_ping(runtime: &str) {
    let manager = Manager::new();
    let (log, writer) = pipe().unwrap();
    let args = ["--runtime", runtime, "--listen", "127.0.0.1:0"];
    let builder = Process::builder(manager.command(&args)).stderr(writer);
    let mut server = builder.timeout(PATIENCE).start().unwrap();
    manager.wait_for(|message| message == PING);

    let mut calls = 0;
    while manager.pings_within(MANY_PINGS) {
        // Each call writes two lines, and the pipe takes 64 KiB.
        for _ in 0..200 {
            // A slow server accepts fewer calls than begin here, and one that hangs accepts none. Then its backlog is full.
            let Ok(mut call) = TcpStream::connect_timeout(&server.addr(), MANY_PINGS) else {
                break;
            };
            write_frame(&mut call, 0x01, UUID).unwrap();
            calls += 1;
        }
        assert!(calls < 20_000, "{calls} calls did not fill the log");
    }
    assert!(calls > 0, "it never pinged");

    // It runs again when the log is read.
    let reader = thread::spawn(move || read_all(log));
    manager.wait_for(|message| message == PING);
    server.signal(Signal::TERM).unwrap();
    assert_eq!(server.wait().unwrap().status.code(), Some(0));
    assert!(reader.join().unwrap().contains("shutting down"));
}

fn read_all(mut log: PipeReader) -> String {
    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    text
}

/// A service manager that receives messages.
struct Manager {
    directory: TempDir,
    messages: mpsc::Receiver<String>,
}

impl Manager {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        let (sender, messages) = mpsc::channel();
        // The thread always reads, so that the program never waits for the manager.
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(len) = socket.recv(&mut buffer) {
                let message = String::from_utf8(buffer[..len].to_vec()).unwrap();
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Self {
            directory,
            messages,
        }
    }

    /// Makes a command that runs an echo server under this manager.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = managed(File::open("/dev/null").unwrap(), args);
        command
            .env("NOTIFY_SOCKET", self.directory.path().join("notify"))
            .env("WATCHDOG_USEC", WATCHDOG.as_micros().to_string());
        command
    }

    fn start(&self, args: &[&str]) -> ServeProcess {
        ServeProcess::run(self.command(args), 1)
    }

    fn receive(&self) -> String {
        self.messages.recv_timeout(PATIENCE).unwrap()
    }

    /// Returns the next message that `is_wanted`. Panics if none comes in time: pings come all the time.
    fn wait_for(&self, is_wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut others = Vec::new();
        while Instant::now() < deadline {
            let message = self.receive();
            if is_wanted(&message) {
                return message;
            }
            if message != PING {
                others.push(message);
            }
        }
        panic!("the message did not come, but {others:?}");
    }

    /// Discards the messages that have come. Returns whether a ping comes within this time.
    fn pings_within(&self, time: Duration) -> bool {
        while self.messages.try_recv().is_ok() {}
        loop {
            match self.messages.recv_timeout(time) {
                Ok(message) if message == PING => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }
}
