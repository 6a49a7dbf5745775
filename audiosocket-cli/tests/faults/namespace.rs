//! Networks apart from that of the machine.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A network namespace with a loopback of its own; gone with all that is in it when it is dropped.
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    pub(crate) fn new() -> Self {
        let namespace = Self {
            name: unique("audiosocket"),
        };
        ip(&["netns", "add", &namespace.name]);
        namespace.ip(&["link", "set", "lo", "up"]);
        namespace
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` in it.
    pub(crate) fn ip(&self, args: &[&str]) {
        ip(&[&["-n", &self.name], args].concat());
    }

    /// Sets what the kernel keeps for each namespace.
    pub(crate) fn sysctl(&self, setting: &str) {
        let mut command = self.within(&Command::new("sysctl"));
        succeed(command.args(["-q", "-w", setting]));
    }

    /// The same command, in here. The process has the command's id, for signals.
    pub(crate) fn within(&self, command: &Command) -> Command {
        let mut within = Command::new("ip");
        within.args(["netns", "exec", &self.name]);
        wrapped(within, command)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip")
            .args(["netns", "del", &self.name])
            .status();
    }
}

/// `wrapper`, with `command` as its last arguments.
pub(crate) fn wrapped(mut wrapper: Command, command: &Command) -> Command {
    wrapper.arg(command.get_program()).args(command.get_args());
    wrapper.env_remove("RUST_LOG");
    wrapper
}

/// A name that nothing else has, of 15 bytes at most behind the prefix.
pub(crate) fn unique(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}{}-{count}", std::process::id())
}

#[track_caller]
fn ip(args: &[&str]) {
    succeed(Command::new("ip").args(args));
}

#[track_caller]
fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
}
