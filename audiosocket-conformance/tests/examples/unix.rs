use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use audiosocket_proto::client::encode;
use audiosocket_proto::{Message, SampleRate, Uuid};
use audiosocket_testing::process::Process;
use tempfile::TempDir;

use crate::harness::caller::Caller;
use crate::harness::program::{self, assert_ends, terminate};
use crate::harness::sound::noise;

in_each_adapter!(
    callers_hear_themselves_and_have_numbers
    only_one_server_listens_at_a_path
    after_sigterm_the_path_is_free_and_open_calls_have_ten_seconds
);

const RATE: SampleRate = SampleRate::Hz8000;

fn callers_hear_themselves_and_have_numbers(prefix: &str) {
    let place = Place::new(prefix);
    let program = place.start();
    let mode = fs::metadata(&place.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let mut callers = [1, 2].map(|number| place.call(number));
    for caller in &mut callers {
        caller.hear_back(&noise(1600, 1));
    }
    for (caller, number) in callers.iter_mut().zip(1..) {
        // The server hangs up because of a second UUID.
        let mut again = Vec::new();
        encode(Message::Uuid(Uuid::from_u128(9)), &mut again).unwrap();
        caller.stream.write_all(&again).unwrap();
        caller.listen_to_the_hangup();
        assert_eq!(caller.stream.read(&mut [0; 64]).unwrap(), 0);
        let line = program.wait_for_line("a second UUID").unwrap();
        let peer = format!("{} #{number}:", place.path.display());
        assert!(line.contains(&peer), "{line}");
    }
}

fn only_one_server_listens_at_a_path(prefix: &str) {
    let place = Place::new(prefix);
    fs::write(&place.path, "not a socket").unwrap();
    place.fails();
    assert_eq!(fs::read(&place.path).unwrap(), b"not a socket");
    fs::remove_file(&place.path).unwrap();

    let program = place.start();
    let line = place.fails();
    assert!(line.contains("another server listens at"), "{line}");
    let mut caller = place.call(1);
    caller.hear_back(&noise(160, 1));
    // This kills the server, and leaves the socket in the directory.
    drop(program);
    assert!(UnixStream::connect(&place.path).is_err());
    assert!(place.path.exists());

    let _program = place.start();
    let mut caller = place.call(2);
    caller.hear_back(&noise(160, 2));
}

fn after_sigterm_the_path_is_free_and_open_calls_have_ten_seconds(prefix: &str) {
    let place = Place::new(prefix);
    let old = place.start();
    let mut short = place.call(1);
    let mut long = place.call(2);
    short.hear_back(&noise(160, 1));
    long.hear_back(&noise(160, 2));
    terminate(&old);
    while place.path.exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let new = place.start();
    let mut other = place.call(3);
    other.hear_back(&noise(160, 3));
    short.hear_back(&noise(160, 4));
    short.stream.shutdown(Shutdown::Write).unwrap();
    long.hear_back(&noise(160, 5));
    long.listen_to_the_hangup();
    drop((short, long));
    assert_ends(old);

    // The end of the old server did not remove the socket of the new one.
    let mut another = place.call(4);
    another.hear_back(&noise(160, 6));
    drop((other, another));
    terminate(&new);
    assert_ends(new);
    assert!(!place.path.exists());
}

struct Place {
    example: String,
    path: PathBuf,
    _directory: TempDir,
}

impl Place {
    fn new(prefix: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self {
            example: format!("{prefix}unix"),
            path: directory.path().join("calls.sock"),
            _directory: directory,
        }
    }

    fn start(&self) -> Process {
        program::start_on(self.path.to_str().unwrap(), &self.example, &[])
    }

    fn fails(&self) -> String {
        program::fails_on(self.path.to_str().unwrap(), &self.example, &[])
    }

    fn call(&self, number: u128) -> Caller<UnixStream> {
        let stream = UnixStream::connect(&self.path).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(120)))
            .unwrap();
        Caller::over(stream, Uuid::from_u128(number), RATE)
    }
}
