use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// An example that runs; ended when it is dropped.
pub(crate) struct Program {
    child: Child,
    /// Where it listens, as it says.
    listens_on: String,
    /// What it prints from now on, on either output.
    lines: Receiver<String>,
}

impl Program {
    /// Starts the example of that name on a free port, and waits until it listens.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        Self::start_on("127.0.0.1:0", name, arguments)
    }

    /// Starts the example of that name, and waits until it listens.
    pub(crate) fn start_on(listen: &str, name: &str, arguments: &[&str]) -> Self {
        let mut program = Self::spawn(&mut command(name, listen, arguments));
        let listening = program.says("listening on ");
        let (_, listens_on) = listening.split_once("listening on ").unwrap();
        listens_on.clone_into(&mut program.listens_on);
        program
    }

    /// Starts another program. Where it listens, it has to be asked.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}, which has to be there: {error}"));
        let (sender, lines) = channel();
        tell(child.stdout.take().unwrap(), sender.clone());
        tell(child.stderr.take().unwrap(), sender);
        Self {
            child,
            listens_on: String::new(),
            lines,
        }
    }

    /// Runs an example that ends at once because something is wrong; what it says of that.
    pub(crate) fn fails(name: &str, arguments: &[&str]) -> String {
        Self::fails_on("127.0.0.1:0", name, arguments)
    }

    /// [`fails`](Self::fails), with where to listen.
    pub(crate) fn fails_on(listen: &str, name: &str, arguments: &[&str]) -> String {
        let output = command(name, listen, arguments).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    }

    /// Where it listens, if that is a port.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.listens_on.parse().unwrap()
    }

    /// Asks it to end, as a service manager does.
    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Waits until it has ended by itself, and well.
    pub(crate) fn ends(mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break assert!(status.success(), "{status}"),
                None => assert!(Instant::now() < deadline, "does not end"),
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The next line with `part` in it.
    pub(crate) fn says(&self, part: &str) -> String {
        let mut said = Vec::new();
        loop {
            match self.lines.recv_timeout(Duration::from_secs(60)) {
                Ok(line) if line.contains(part) => return line,
                Ok(line) => said.push(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("did not say {part:?}, but: {said:#?}");
                }
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself, which the test then knows.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(name: &str, listen: &str, arguments: &[&str]) -> Command {
    // target/debug/examples, beside target/debug/deps, in which this is.
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.set_file_name("examples");
    path.push(name);
    let mut command = Command::new(path);
    command.arg(listen).args(arguments);
    command
}

fn tell(output: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            if lines.send(line.unwrap()).is_err() {
                break;
            }
        }
    });
}
