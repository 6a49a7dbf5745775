//! The file of `--upgrade-socket`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{socket, start};
use crate::process::{ServeProcess, audiosocket, text};

/// The error of a server that cannot start with this socket.
fn error_of(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    text(&output.stderr).to_owned()
}

/// `audiosocket serve echo` with this socket.
fn echo(socket: &Path) -> Command {
    let mut command = audiosocket(["serve", "echo", "--listen", "127.0.0.1:0"]);
    command.arg("--upgrade-socket").arg(socket);
    command
}

#[test]
fn only_the_owner_can_connect_and_only_a_socket_is_replaced() {
    let directory = TempDir::new().unwrap();
    let socket = socket(&directory);
    let killed = start(&socket, &["echo"]);
    let mode = fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Dropping it kills it, and its socket stays.
    drop(killed);
    start(&socket, &["echo"]).terminate();

    fs::remove_file(&socket).unwrap();
    fs::write(&socket, "keep").unwrap();
    let error = error_of(echo(&socket));
    assert!(error.contains("a file that is not a socket"), "{error}");
    assert_eq!(fs::read(&socket).unwrap(), b"keep");
}

/// `audiosocket serve echo` with a file beside its socket that a killed process with the same number left.
fn echo_beside(left: &Path, socket: &Path) -> Command {
    let mut command = Command::new("sh");
    let rename = "mv \"$0\" \"$1.$$\" && shift && exec \"$@\"";
    command.args(["-c", rename]).arg(left).arg(socket);
    let echo = echo(socket);
    command.arg(echo.get_program()).args(echo.get_args());
    command
}

fn left(directory: &TempDir) -> PathBuf {
    directory.path().join("left")
}

#[test]
fn a_socket_that_a_killed_process_with_the_same_number_left_is_replaced() {
    let directory = TempDir::new().unwrap();
    let (left, socket) = (left(&directory), socket(&directory));
    drop(UnixListener::bind(&left).unwrap());
    ServeProcess::run_as_is(echo_beside(&left, &socket), 1).terminate();
    let files: Vec<_> = fs::read_dir(&directory).unwrap().collect();
    assert_eq!(files.len(), 1, "{files:?}");
}

#[test]
fn another_file_in_place_of_the_new_socket_is_kept_and_the_error_names_it() {
    let directory = TempDir::new().unwrap();
    let (left, socket) = (left(&directory), socket(&directory));
    fs::write(&left, "keep").unwrap();
    let error = error_of(echo_beside(&left, &socket));
    let files: Vec<_> = fs::read_dir(&directory).unwrap().collect();
    let [Ok(file)] = &files[..] else {
        panic!("{files:?}");
    };
    let remedy = format!("remove the file {}", file.path().display());
    assert!(error.contains(&remedy), "{error}");
    assert!(!error.contains("the directory must exist"), "{error}");
    assert_eq!(fs::read(file.path()).unwrap(), b"keep");
}

#[test]
fn a_socket_that_cannot_be_made_is_an_error_with_the_option_and_a_remedy() {
    let directory = TempDir::new().unwrap();
    // A path of 107 bytes is the longest. The new socket has a longer one for a moment.
    let room = 106 - directory.path().as_os_str().len();
    for (name, remedy) in [
        ("none/upgrade.sock", "the directory must exist"),
        (&"s".repeat(room), "use a shorter path"),
    ] {
        let error = error_of(echo(&directory.path().join(name)));
        assert!(error.contains("--upgrade-socket"), "{error}");
        assert!(error.contains(remedy), "{error}");
    }
}
