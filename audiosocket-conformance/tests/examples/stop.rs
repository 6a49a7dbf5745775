//! Every example that serves ends when it gets signals.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use audiosocket_media::SampleRate;
use audiosocket_proto::Uuid;
use audiosocket_testing::process::Process;

use crate::harness::caller::{Caller, connect};
use crate::harness::certificates::Authority;
use crate::harness::program::{self, assert_ends, terminate, terminate_at_once};

#[test]
fn every_server_hangs_up_its_calls_and_succeeds_after_two_signals() {
    for name in servers() {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let path = directory.path().join("calls.sock");
        let program = start(&name, &path, &authority);
        match kind(&name) {
            "unix" => stop(program, UnixStream::connect(path).unwrap()),
            "tls" => {
                let stream = authority.client(connect(program.addr()));
                stop(program, stream);
            }
            _ => {
                let stream = connect(program.addr());
                stop(program, stream);
            }
        }
    }
}

#[test]
fn every_server_without_a_call_succeeds_after_sigterm() {
    for name in servers() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("calls.sock");
        let program = start(&name, &path, &Authority::new());
        terminate(&program);
        assert_ends(program);
    }
}

/// The names of the examples that serve calls.
fn servers() -> impl Iterator<Item = String> {
    let names = program::names().into_iter();
    names.filter(|name| name != "in_memory")
}

/// The name of an example without the prefix of its adapter.
fn kind(name: &str) -> &str {
    let name = name.strip_prefix("smol_").unwrap_or(name);
    name.strip_prefix("blocking_").unwrap_or(name)
}

/// Starts an example. A Unix socket is at `path`, and recordings are in its folder.
fn start(name: &str, path: &Path, authority: &Authority) -> Process {
    let files = ["server.pem", "server.key"].map(|name| authority.path(name));
    match kind(name) {
        "unix" => program::start_on(path.to_str().unwrap(), name, &[]),
        "tls" => program::start(name, &[&files[0], &files[1]]),
        "record" => program::start(name, &[path.parent().unwrap().to_str().unwrap()]),
        "expected_calls" => program::start(name, &["127.0.0.1:0"]),
        _ => program::start(name, &[]),
    }
}

fn stop(program: Process, stream: impl Read + Write) {
    let mut caller = Caller::over(stream, Uuid::from_u128(1), SampleRate::Hz8000);
    caller.say(&[0; 160]);
    terminate_at_once(&program);
    caller.listen_to_the_hangup();
    drop(caller);
    assert_ends(program);
}
