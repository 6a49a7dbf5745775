//! The options that all servers have.

use std::io::{self, ErrorKind};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use audiosocket_tokio::admission::{Admission, AllowList, Limits, WhenFull};
use audiosocket_tokio::config::SessionConfig;
use clap::{Args, ValueEnum};

use super::balancer::BalancerOptions;
use super::input_options::InputOptions;
use super::operate::allow_file::AllowFile;
use super::operate::status::StatusOptions;
#[cfg(target_os = "linux")]
use super::upgrade::UpgradeOptions;
use crate::capture::CaptureOptions;
use crate::usage_error::usage_error;
use crate::{address, duration};

/// The command in errors of these options.
const COMMAND: &str = "audiosocket serve echo";

/// The options of every server. `-h` does not show those with `hide`.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Listen on HOST:PORT; repeatable
    #[arg(long, value_name = "ADDR", help_heading = "Network", default_value = "127.0.0.1:9092", value_parser = address::parse)]
    pub(super) listen: Vec<String>,
    /// Accept only these networks [default: all]
    #[arg(long, value_name = "CIDR", help_heading = "Network")]
    pub(super) allow: Vec<AllowList>,
    /// Accept also the networks in FILE; SIGHUP reloads it
    #[arg(long, value_name = "FILE", help_heading = "Network", hide = true)]
    pub(super) allow_file: Option<PathBuf>,
    /// Share the address with other processes
    #[arg(long, help_heading = "Network", hide = true)]
    pub(super) reuse_port: bool,
    /// Connections that wait in the kernel
    #[arg(long, value_name = "N", help_heading = "Network", hide = true, default_value_t = 1024, value_parser = clap::value_parser!(i32).range(1..))]
    pub(super) backlog: i32,
    #[command(flatten)]
    pub(super) status: StatusOptions,
    #[command(flatten)]
    pub(super) balancer: BalancerOptions,
    #[cfg(feature = "tls")]
    #[command(flatten)]
    pub(super) tls: super::tls_options::TlsOptions,
    #[command(flatten)]
    pub(super) caller: InputOptions,
    #[command(flatten)]
    pub(super) capture: CaptureOptions,
    #[cfg(target_os = "linux")]
    #[command(flatten)]
    pub(super) upgrade: UpgradeOptions,
    /// Open connections at most
    #[arg(long, value_name = "N", help_heading = "Limits", default_value_t = Limits::default().max_calls)]
    pub(super) max_calls: usize,
    /// Beyond them: refuse or hangup
    #[arg(long, value_enum, value_name = "HOW", help_heading = "Limits", hide = true, hide_possible_values = true, default_value_t = WhenFullOption::Refuse)]
    pub(super) when_full: WhenFullOption,
    /// At most N of them
    #[arg(long, value_name = "N", help_heading = "Connections without a UUID", hide = true, default_value_t = Limits::default().max_pending)]
    pub(super) max_pending: usize,
    /// At most N from one address
    #[arg(long, value_name = "N", help_heading = "Connections without a UUID", hide = true, default_value_t = Limits::default().max_pending_per_addr)]
    pub(super) max_pending_per_addr: usize,
    /// Time to send the UUID
    #[arg(long, value_name = "TIME", help_heading = "Connections without a UUID", hide = true, default_value = "5s", value_parser = duration::parse_positive)]
    pub(super) uuid_timeout: Duration,
    /// Hang up if no data came for TIME [default: never]
    #[arg(long, value_name = "TIME", help_heading = "Limits", hide = true, value_parser = duration::parse_positive)]
    pub(super) idle_timeout: Option<Duration>,
    /// Hang up a call after TIME [default: never]
    #[arg(long, value_name = "TIME", help_heading = "Limits", value_parser = duration::parse_positive)]
    pub(super) max_duration: Option<Duration>,
    /// Time for calls to end after SIGTERM
    #[arg(long, value_name = "TIME", help_heading = "Limits", default_value = "5s", value_parser = duration::parse)]
    pub(super) drain: Duration,
    /// Accept calls for TIME after SIGTERM
    #[arg(long, value_name = "TIME", help_heading = "Limits", hide = true, default_value = "0s", value_parser = duration::parse)]
    pub(super) drain_notice: Duration,
    /// Do not send silence between audio
    #[arg(long, help_heading = "Runtime", hide = true)]
    pub(super) no_silence: bool,
    /// tokio, smol or blocking
    #[arg(long, value_enum, help_heading = "Runtime", hide = true, hide_possible_values = true, default_value_t = Runtime::Tokio)]
    pub(super) runtime: Runtime,
    /// Threads with calls of their own (tokio)
    #[arg(long, value_name = "N", help_heading = "Runtime", hide = true)]
    pub(super) threads: Option<NonZeroUsize>,
    /// Poll calls in batches (Linux), such as 2ms
    #[arg(long, value_name = "TIME", help_heading = "Runtime", hide = true, value_parser = duration::parse_positive)]
    pub(super) wake_interval: Option<Duration>,
}

/// The adapters of the library. A caller hears no difference.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Runtime {
    Tokio,
    Smol,
    Blocking,
}

/// What a new connection gets while the server is full.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum WhenFullOption {
    Refuse,
    Hangup,
}

impl ServeArgs {
    /// Returns the runtime of all calls. With `--threads`, it only takes connections.
    pub(super) fn tokio(&self) -> tokio::runtime::Builder {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        if self.threads.is_some() {
            builder.worker_threads(1);
        }
        builder
    }

    /// Ends the program if options exclude each other.
    pub(super) fn check(&self) {
        if self.threads.is_some() && !matches!(self.runtime, Runtime::Tokio) {
            usage_error(COMMAND, "--threads needs --runtime tokio");
        }
        #[cfg(feature = "tls")]
        if self.tls.is_on() && matches!(self.runtime, Runtime::Blocking) {
            usage_error(COMMAND, "--tls-cert needs --runtime tokio or smol");
        }
        #[cfg(target_os = "linux")]
        if self.upgrade.upgrade_socket.is_some()
            && (!matches!(self.runtime, Runtime::Tokio)
                || self.threads.is_some()
                || self.wake_interval.is_some())
        {
            usage_error(
                COMMAND,
                "--upgrade-socket needs --runtime tokio, without --threads and --wake-interval",
            );
        }
        if self.wake_interval.is_some() && matches!(self.runtime, Runtime::Blocking) {
            usage_error(
                COMMAND,
                "--wake-interval needs --runtime tokio or smol; with blocking, each call has a thread of its own",
            );
        }
    }

    /// Adds the option that can remove the error.
    pub(super) fn with_remedy(&self, error: &io::Error) -> io::Error {
        let text = error.to_string();
        let remedy = match error.kind() {
            ErrorKind::AddrInUse => {
                "; stop the other program, choose another port with --listen, or give both --reuse-port"
            }
            ErrorKind::AddrNotAvailable => {
                "; --listen needs an address of this machine, or 0.0.0.0 or [::] for all of them"
            }
            ErrorKind::PermissionDenied => {
                "; choose a port from 1024 on with --listen, or run as root"
            }
            _ if text.starts_with("cannot listen on") => "; check the name in --listen",
            ErrorKind::InvalidInput if self.wake_interval.is_some() => "; change --wake-interval",
            _ => "",
        };
        io::Error::new(error.kind(), format!("{text}{remedy}"))
    }

    pub(super) fn allow_list(&self) -> AllowList {
        let networks = self.allow.iter().flat_map(AllowList::networks);
        networks.copied().collect()
    }

    pub(super) fn allow_file(&self) -> io::Result<Option<AllowFile>> {
        let read = |path: &PathBuf| AllowFile::read(path.clone(), self.allow_list());
        self.allow_file.as_ref().map(read).transpose()
    }

    pub(super) fn admission(&self, allow_file: Option<AllowFile>) -> Admission {
        let admission = Admission::new().limits(self.limits());
        let admission = self.balancer.admission(admission);
        match allow_file {
            Some(file) => admission.admit_peer(move |peer| file.check(peer)),
            None if self.allow.is_empty() => admission,
            None => admission.allow_list(self.allow_list()),
        }
    }

    pub(super) fn session(&self) -> SessionConfig {
        SessionConfig::new()
            .uuid_timeout(self.uuid_timeout)
            .idle_timeout(self.idle_timeout)
            .max_duration(self.max_duration)
            .fill_silence(!self.no_silence)
    }

    pub(super) fn limits(&self) -> Limits {
        Limits::new()
            .max_calls(self.max_calls)
            .max_pending(self.max_pending)
            .max_pending_per_addr(self.max_pending_per_addr)
            .when_full(match self.when_full {
                WhenFullOption::Refuse => WhenFull::Refuse,
                WhenFullOption::Hangup => WhenFull::HangUp,
            })
    }
}
