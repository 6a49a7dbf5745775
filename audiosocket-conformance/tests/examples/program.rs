//! Runs the examples.

use std::process::Command;

use audiosocket_testing::process::{Process, Signal};

/// Starts the example `name` on a free port and waits until it listens.
pub(crate) fn start(name: &str, arguments: &[&str]) -> Process {
    start_on("127.0.0.1:0", name, arguments)
}

/// Starts the example `name` on the address `listen` and waits until it listens.
pub(crate) fn start_on(listen: &str, name: &str, arguments: &[&str]) -> Process {
    Process::start(command(name, listen, arguments)).unwrap()
}

/// Runs the example `name`, which must fail, and returns its standard error.
pub(crate) fn fails(name: &str, arguments: &[&str]) -> String {
    fails_on("127.0.0.1:0", name, arguments)
}

/// [`fails`], on the address `listen`.
pub(crate) fn fails_on(listen: &str, name: &str, arguments: &[&str]) -> String {
    let output = command(name, listen, arguments).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

/// Sends SIGTERM, as a service manager does.
pub(crate) fn terminate(program: &Process) {
    program.signal(Signal::TERM).unwrap();
}

/// Waits until the program has ended by itself, with success.
pub(crate) fn assert_ends(mut program: Process) {
    let output = program.wait().unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn command(name: &str, listen: &str, arguments: &[&str]) -> Command {
    // In target/debug/examples; this test is in target/debug/deps.
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.set_file_name("examples");
    path.push(name);
    let mut command = Command::new(path);
    command.arg(listen).args(arguments);
    command
}
