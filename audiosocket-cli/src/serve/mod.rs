//! `audiosocket serve`: AudioSocket servers for Asterisk.

mod allow_file;
mod bot;
mod call_list;
mod call_log;
mod caller_input;
mod echo;
mod input_options;
mod operator;
mod play;
mod play_rate;
mod prompt;
mod record;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use audiosocket_tokio::admission::{Admission, AllowList, Limits, WhenFull};
use audiosocket_tokio::config::SessionConfig;
use audiosocket_tokio::{Acceptor, CallRequest, ServerHandle};
use clap::{Args, Subcommand, ValueEnum};

use crate::usage_error::usage_error;
use crate::{address, duration, help, open_files, output};
use allow_file::AllowFile;
use call_list::CallList;
use call_log::CallLog;
use input_options::InputOptions;
use operator::Operator;
use record::RecordOptions;

pub(crate) use echo::Echo;

#[derive(Debug, Subcommand)]
pub(crate) enum Serve {
    /// Play back to each caller what the caller says
    Echo(EchoArgs),
    /// Record what each caller says into WAV files
    Record(record::RecordArgs),
    /// Play an audio file to each caller, then hang up
    Play(play::PlayArgs),
    /// Ask each caller for digits and repeat them: a small IVR
    Bot(bot::BotArgs),
}

#[derive(Args, Debug)]
#[command(after_help = ECHO_HELP)]
pub(crate) struct EchoArgs {
    #[command(flatten)]
    record: RecordOptions,
    #[command(flatten)]
    serve: ServeArgs,
}

/// A phone buffers about 60 ms of audio, and drops it at a hangup.
const DEFAULT_TAIL: &str = "100ms";

/// The command in errors of options that all servers have.
const COMMAND: &str = "audiosocket serve echo";

pub(crate) const AFTER_HELP: &str = help::examples!(
    "program.md",
    "audiosocket serve echo --listen 0.0.0.0:9092",
    "audiosocket serve play prompt.wav --barge-in",
    "audiosocket serve record /var/spool/calls --allow 192.0.2.10",
);

const ECHO_HELP: &str = help::examples!(
    "operating.md",
    "audiosocket serve echo",
    "audiosocket serve echo --listen 0.0.0.0:9092 --allow 192.0.2.0/24",
    "audiosocket serve echo --listen [::1]:9092 --max-calls 500 --drain 1m",
);

/// The options of every server. `-h` does not show those with `hide`.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Listen on HOST:PORT; repeatable
    #[arg(long, value_name = "ADDR", help_heading = "Network", default_value = "127.0.0.1:9092", value_parser = address::parse)]
    listen: Vec<String>,
    /// Accept only these networks [default: all]
    #[arg(long, value_name = "CIDR", help_heading = "Network")]
    allow: Vec<AllowList>,
    /// Accept also the networks in FILE; SIGHUP reloads it
    #[arg(long, value_name = "FILE", help_heading = "Network", hide = true)]
    allow_file: Option<PathBuf>,
    /// Share the address with other processes
    #[arg(long, help_heading = "Network", hide = true)]
    reuse_port: bool,
    /// Connections that wait in the kernel
    #[arg(long, value_name = "N", help_heading = "Network", hide = true, default_value_t = 1024, value_parser = clap::value_parser!(i32).range(1..))]
    backlog: i32,
    #[command(flatten)]
    caller: InputOptions,
    /// Open connections at most
    #[arg(long, value_name = "N", help_heading = "Limits", default_value_t = Limits::default().max_calls)]
    max_calls: usize,
    /// Beyond them: refuse or hangup
    #[arg(long, value_enum, value_name = "HOW", help_heading = "Limits", hide = true, hide_possible_values = true, default_value_t = WhenFullOption::Refuse)]
    when_full: WhenFullOption,
    /// At most N of them
    #[arg(long, value_name = "N", help_heading = "Connections without a UUID", hide = true, default_value_t = Limits::default().max_pending)]
    max_pending: usize,
    /// At most N from one address
    #[arg(long, value_name = "N", help_heading = "Connections without a UUID", hide = true, default_value_t = Limits::default().max_pending_per_addr)]
    max_pending_per_addr: usize,
    /// Time to send the UUID
    #[arg(long, value_name = "TIME", help_heading = "Connections without a UUID", hide = true, default_value = "5s", value_parser = duration::parse_positive)]
    uuid_timeout: Duration,
    /// Hang up if no data came for TIME [default: never]
    #[arg(long, value_name = "TIME", help_heading = "Limits", hide = true, value_parser = duration::parse_positive)]
    idle_timeout: Option<Duration>,
    /// Hang up a call after TIME [default: never]
    #[arg(long, value_name = "TIME", help_heading = "Limits", value_parser = duration::parse_positive)]
    max_duration: Option<Duration>,
    /// Time for calls to end after SIGTERM
    #[arg(long, value_name = "TIME", help_heading = "Limits", default_value = "5s", value_parser = duration::parse)]
    drain: Duration,
    /// Accept calls for TIME after SIGTERM
    #[arg(long, value_name = "TIME", help_heading = "Limits", hide = true, default_value = "0s", value_parser = duration::parse)]
    drain_notice: Duration,
    /// Do not send silence between audio
    #[arg(long, help_heading = "Runtime", hide = true)]
    no_silence: bool,
    /// tokio, smol or blocking
    #[arg(long, value_enum, help_heading = "Runtime", hide = true, hide_possible_values = true, default_value_t = Runtime::Tokio)]
    runtime: Runtime,
    /// Threads with calls of their own (tokio)
    #[arg(long, value_name = "N", help_heading = "Runtime", hide = true)]
    threads: Option<NonZeroUsize>,
    /// Poll calls in batches (Linux), such as 2ms
    #[arg(long, value_name = "TIME", help_heading = "Runtime", hide = true, value_parser = duration::parse_positive)]
    wake_interval: Option<Duration>,
}

/// The adapters of the library. A caller hears no difference.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Runtime {
    Tokio,
    Smol,
    Blocking,
}

/// What a new connection gets while the server is full.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum WhenFullOption {
    Refuse,
    Hangup,
}

pub(crate) fn run(serve: &Serve) -> io::Result<ExitCode> {
    open_files::raise_limit();
    match serve {
        Serve::Echo(args) => {
            let caller = args.serve.caller;
            let acceptor = move |_: &CallRequest<'_>| Ok(Echo::new(caller));
            args.record.serve(acceptor, &args.serve, Duration::ZERO)?;
        }
        Serve::Bot(args) => args
            .record
            .serve(args.acceptor()?, &args.serve, args.tail)?,
        Serve::Record(args) => record::run(args)?,
        Serve::Play(args) => args
            .record
            .serve(args.acceptor()?, &args.serve, args.tail)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Serves on the runtime of `--runtime`, until a signal has ended the server. `tail` follows the audio before a hangup.
fn until_signal<A: Acceptor>(acceptor: A, args: &ServeArgs, tail: Duration) -> io::Result<()> {
    args.check();
    let calls = CallList::default();
    let allow_file = args.allow_file()?;
    let acceptor = CallLog::new(acceptor, calls.clone());
    let announce = |addrs: &[SocketAddr], server: ServerHandle| {
        let operator = Operator {
            server,
            calls: calls.clone(),
            allow_file: allow_file.clone(),
            notice: args.drain_notice,
            drain: args.drain,
        };
        announce(addrs, operator)
    };
    let config = ServeConfig {
        admission: args.admission(allow_file.clone()),
        session: args.session().hangup_tail(tail),
    };
    serve(acceptor, config, args, announce).map_err(|error| args.with_remedy(&error))
}

/// What each runtime gets for its server.
struct ServeConfig {
    admission: Admission,
    session: SessionConfig,
}

fn serve<A: Acceptor>(
    acceptor: A,
    config: ServeConfig,
    args: &ServeArgs,
    announce: impl Fn(&[SocketAddr], ServerHandle) -> io::Result<()>,
) -> io::Result<()> {
    match args.runtime {
        Runtime::Tokio => args.tokio().enable_all().build()?.block_on(async {
            let builder = options!(audiosocket_tokio, args, config);
            let builder = builder.threads(args.threads).blocked_handler_warning(true);
            let server = builder.wake_interval(args.wake_interval).start(acceptor);
            let server = server.await?;
            let _guard = guard_memory(server.handle())?;
            announce(server.local_addrs(), server.handle())?;
            // The accept loop runs on the threads of the calls. On this thread, which is no worker, it would compete
            // with the workers for CPU time and wake one of them for each connection.
            tokio::spawn(server.serve_forever()).await?
        }),
        Runtime::Smol => async_io::block_on(async {
            let builder = options!(audiosocket_smol, args, config);
            let builder = builder.blocked_handler_warning(true);
            let server = builder.wake_interval(args.wake_interval).start(acceptor);
            let server = server.await?;
            let _guard = guard_memory(server.handle())?;
            announce(server.local_addrs(), server.handle())?;
            server.serve_forever().await
        }),
        Runtime::Blocking => {
            let server = options!(audiosocket_blocking, args, config).start(acceptor)?;
            let _guard = guard_memory(server.handle())?;
            announce(server.local_addrs(), server.handle())?;
            server.serve_forever()
        }
    }
}

/// Makes the builder of an adapter, with the options that every adapter has.
macro_rules! options {
    ($adapter:ident, $args:ident, $config:ident) => {{
        let builder = $adapter::Server::builder()
            .backlog($args.backlog)
            .admission($config.admission)
            .reuse_port($args.reuse_port)
            .session($config.session);
        let listen = $args.listen.iter();
        listen.fold(builder, |builder, addr| builder.bind(addr))
    }};
}
use options;

/// Refuses calls while memory is short, until the guard is dropped.
#[cfg(target_os = "linux")]
fn guard_memory(server: ServerHandle) -> io::Result<audiosocket_server::MemoryGuard> {
    audiosocket_server::MemoryGuard::spawn(server)
}

#[cfg(not(target_os = "linux"))]
fn guard_memory(_: ServerHandle) -> io::Result<()> {
    Ok(())
}

/// Makes the server act on signals, and prints its addresses.
fn announce(addrs: &[SocketAddr], operator: Operator) -> io::Result<()> {
    operator.spawn()?;
    for addr in addrs {
        output::line(format_args!("listening on {addr}"))?;
    }
    Ok(())
}

impl ServeArgs {
    /// Returns the runtime of all calls. With `--threads`, it only takes connections.
    fn tokio(&self) -> tokio::runtime::Builder {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        if self.threads.is_some() {
            builder.worker_threads(1);
        }
        builder
    }

    /// Ends the program if options exclude each other.
    fn check(&self) {
        if self.threads.is_some() && !matches!(self.runtime, Runtime::Tokio) {
            usage_error(COMMAND, "--threads needs --runtime tokio");
        }
        if self.wake_interval.is_some() && matches!(self.runtime, Runtime::Blocking) {
            usage_error(
                COMMAND,
                "--wake-interval needs --runtime tokio or smol; with blocking, each call has a thread of its own",
            );
        }
    }

    /// Adds the option that can remove the error.
    fn with_remedy(&self, error: &io::Error) -> io::Error {
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

    fn allow_list(&self) -> AllowList {
        let networks = self.allow.iter().flat_map(AllowList::networks);
        networks.copied().collect()
    }

    fn allow_file(&self) -> io::Result<Option<AllowFile>> {
        let read = |path: &PathBuf| AllowFile::read(path.clone(), self.allow_list());
        self.allow_file.as_ref().map(read).transpose()
    }

    fn admission(&self, allow_file: Option<AllowFile>) -> Admission {
        let admission = Admission::new().limits(self.limits());
        match allow_file {
            Some(file) => admission.admit_peer(move |peer| file.check(peer)),
            None if self.allow.is_empty() => admission,
            None => admission.allow_list(self.allow_list()),
        }
    }

    fn session(&self) -> SessionConfig {
        SessionConfig::new()
            .uuid_timeout(self.uuid_timeout)
            .idle_timeout(self.idle_timeout)
            .max_duration(self.max_duration)
            .fill_silence(!self.no_silence)
    }

    fn limits(&self) -> Limits {
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
