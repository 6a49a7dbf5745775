//! Starts the examples, and calls them with the program `audiosocket`.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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

/// Runs the example `name`, which needs no arguments, to its end.
pub(crate) fn run(name: &str) -> Output {
    Command::new(built(&format!("examples/{name}")))
        .output()
        .unwrap()
}

/// Places calls to `addr` with the program `audiosocket`, and returns what it printed. Its success means that each call
/// received its echo.
pub(crate) fn call(addr: SocketAddr, arguments: &[&str]) -> Output {
    let mut command = Command::new(built("audiosocket"));
    command.arg("call").arg(addr.to_string()).args(arguments);
    // A busy machine may need this time. The calls end when their echo is complete.
    command.args(["--echo-timeout", "60s"]);
    command.output().unwrap()
}

/// Sends SIGTERM, as a service manager does.
pub(crate) fn terminate(program: &Process) {
    program.signal(Signal::TERM).unwrap();
}

/// Sends SIGINT and SIGTERM. At the second of two signals an example hangs up its calls at once.
pub(crate) fn terminate_at_once(program: &Process) {
    program.signal(Signal::INT).unwrap();
    program.signal(Signal::TERM).unwrap();
}

/// Waits until the program has ended by itself, with success.
pub(crate) fn assert_ends(mut program: Process) {
    let output = program.wait().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// The names of all examples of the adapters and of `audiosocket-server`.
pub(crate) fn names() -> Vec<String> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let crates = ["tokio", "smol", "blocking", "server"];
    let folders = crates.map(|name| workspace.join(format!("audiosocket-{name}/examples")));
    let entries = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap());
    let paths = entries.map(|entry| entry.unwrap().path());
    // A folder without `main.rs` has code that examples share.
    let examples = paths.filter(|path| path.is_file() || path.join("main.rs").exists());
    examples
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

fn command(name: &str, listen: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(built(&format!("examples/{name}")));
    command.arg(listen).args(arguments);
    command
}

/// The path of a program in `target/debug`. This test is in `target/debug/deps`.
fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join(name)
}
