//! Network namespaces.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A network namespace with a loopback device. Dropping it removes the namespace and its devices.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes a namespace with a unique name.
    ///
    /// # Panics
    /// If `ip netns` fails. It needs root.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it changes the system")]
    pub fn new() -> Self {
        let namespace = Self {
            name: unique("audiosocket"),
        };
        ip(&["netns", "add", &namespace.name]);
        namespace.ip(&["link", "set", "lo", "up"]);
        namespace
    }

    /// Returns the name, for `ip netns`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` in the namespace.
    ///
    /// # Panics
    /// If it fails.
    pub fn ip(&self, args: &[&str]) {
        ip(&[&["-n", &self.name], args].concat());
    }

    /// Sets a kernel setting of the namespace.
    ///
    /// # Panics
    /// If `sysctl` fails.
    pub fn sysctl(&self, setting: &str) {
        let mut command = self.within(&Command::new("sysctl"));
        succeed(command.args(["-q", "-w", setting]));
    }

    /// Returns a command that runs `command` in the namespace. The process has the id of `command`, so that signals reach it.
    #[must_use]
    pub fn within(&self, command: &Command) -> Command {
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

/// Returns `wrapper` with `command` as its last arguments, without `RUST_LOG`. Other
/// variables of `command` are lost.
#[must_use]
pub fn wrapped(mut wrapper: Command, command: &Command) -> Command {
    wrapper.arg(command.get_program()).args(command.get_args());
    wrapper.env_remove("RUST_LOG");
    wrapper
}

/// Returns a unique name. It has at most 15 bytes after the prefix.
#[must_use]
pub fn unique(prefix: &str) -> String {
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
