//! Every example that serves ends when it gets signals.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;

use audiosocket_media::SampleRate;
use audiosocket_proto::Uuid;
use audiosocket_testing::process::Process;

use crate::harness::caller::{Caller, connect};
use crate::harness::certificates::Authority;
use crate::harness::program::{self, assert_ends, terminate, terminate_at_once};

#[test]
fn every_server_hangs_up_its_calls_and_succeeds_after_two_signals() {
    in_each_server(|name| match name.rsplit('_').next() {
        Some("unix") => {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("calls.sock");
            let program = program::start_on(path.to_str().unwrap(), name, &[]);
            stop(program, UnixStream::connect(path).unwrap());
        }
        Some("tls") => {
            let authority = Authority::new();
            let program = start_tls(name, &authority);
            let stream = authority.client(connect(program.addr()));
            stop(program, stream);
        }
        _ => {
            let directory = tempfile::tempdir().unwrap();
            let program = start(name, directory.path().to_str().unwrap());
            let stream = connect(program.addr());
            stop(program, stream);
        }
    });
}

#[test]
fn every_server_without_a_call_succeeds_after_sigterm() {
    in_each_server(|name| {
        let directory = tempfile::tempdir().unwrap();
        let program = match name.rsplit('_').next() {
            Some("unix") => {
                let path = directory.path().join("calls.sock");
                program::start_on(path.to_str().unwrap(), name, &[])
            }
            Some("tls") => start_tls(name, &Authority::new()),
            _ => start(name, directory.path().to_str().unwrap()),
        };
        terminate(&program);
        assert_ends(program);
    });
}

fn in_each_server(test: impl Fn(&str) + Sync) {
    let names = program::names();
    thread::scope(|scope| {
        for name in names.iter().filter(|name| *name != "in_memory") {
            // The name of a thread is in the message of its panic.
            let thread = thread::Builder::new().name(name.clone());
            thread.spawn_scoped(scope, || test(name)).unwrap();
        }
    });
}

fn start(name: &str, directory: &str) -> Process {
    match name
        .trim_start_matches("smol_")
        .trim_start_matches("blocking_")
    {
        "record" => program::start(name, &[directory]),
        "expected_calls" => program::start(name, &["127.0.0.1:0"]),
        _ => program::start(name, &[]),
    }
}

fn start_tls(name: &str, authority: &Authority) -> Process {
    let files = ["server.pem", "server.key"].map(|name| authority.path(name));
    program::start(name, &[&files[0], &files[1]])
}

fn stop(program: Process, stream: impl Read + Write) {
    let mut caller = Caller::over(stream, Uuid::from_u128(1), SampleRate::Hz8000);
    caller.say(&[0; 160]);
    terminate_at_once(&program);
    caller.listen_to_the_hangup();
    drop(caller);
    assert_ends(program);
}
