//! `audiosocket serve`: AudioSocket servers for Asterisk.

mod barge_in;
mod bot;
mod call_log;
mod echo;
mod inband_keys;
mod input_options;
mod play;
mod play_rate;
mod prompt;
mod record;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

use audiosocket_tokio::admission::{AllowList, Limits};
use audiosocket_tokio::config::SessionConfig;
use audiosocket_tokio::{Acceptor, CallRequest, ServerHandle};
use clap::{Args, Subcommand, ValueEnum};

use crate::usage_error::usage_error;
use crate::{address, duration, help, open_files, output, signals};
use call_log::CallLog;
use input_options::InputOptions;

pub(crate) use echo::Echo;

#[derive(Debug, Subcommand)]
pub(crate) enum Serve {
    /// Play back to each caller what the caller says
    #[command(after_help = ECHO_HELP)]
    Echo(ServeArgs),
    /// Record what each caller says into WAV files
    Record(record::RecordArgs),
    /// Play a WAV file to each caller, then hang up
    Play(play::PlayArgs),
    /// Ask each caller for digits and repeat them: a small IVR
    Bot(bot::BotArgs),
}

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
    #[arg(
        long,
        value_name = "CIDR",
        help_heading = "Network",
        default_value = "0.0.0.0/0,::/0",
        hide_default_value = true
    )]
    allow: Vec<AllowList>,
    /// Share the address with other processes
    #[arg(long, help_heading = "Network", hide = true)]
    reuse_port: bool,
    /// Connections that wait to be accepted
    #[arg(long, value_name = "N", help_heading = "Network", hide = true, default_value_t = 1024, value_parser = clap::value_parser!(i32).range(1..))]
    backlog: i32,
    #[command(flatten)]
    caller: InputOptions,
    /// Open connections at most
    #[arg(long, value_name = "N", help_heading = "Limits", default_value_t = Limits::default().max_calls)]
    max_calls: usize,
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

pub(crate) fn run(serve: &Serve) -> io::Result<ExitCode> {
    open_files::raise_limit();
    match serve {
        Serve::Echo(args) => {
            let caller = args.caller;
            until_signal(move |_: &CallRequest<'_>| Ok(Echo::new(caller)), args)?;
        }
        Serve::Bot(args) => until_signal(args.acceptor()?, &args.serve)?,
        Serve::Record(args) => record::run(args)?,
        Serve::Play(args) if args.is_stdin() => until_signal(args.stdin_acceptor()?, &args.serve)?,
        Serve::Play(args) => until_signal(args.acceptor()?, &args.serve)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Serves on the runtime of `--runtime`, until a signal has ended the server.
fn until_signal<A: Acceptor>(acceptor: A, args: &ServeArgs) -> io::Result<()> {
    args.check();
    serve(CallLog::new(acceptor), args).map_err(|error| args.with_remedy(&error))
}

fn serve<A: Acceptor>(acceptor: A, args: &ServeArgs) -> io::Result<()> {
    match args.runtime {
        Runtime::Tokio => args.tokio().enable_all().build()?.block_on(async {
            let builder = options!(audiosocket_tokio, args);
            let builder = builder.threads(args.threads).blocked_handler_warning(true);
            let server = builder.wake_interval(args.wake_interval).start(acceptor);
            let server = server.await?;
            let _guard = guard_memory(server.handle())?;
            announce(server.local_addrs(), server.handle(), args.drain)?;
            // The accept loop runs on the threads of the calls. On this thread, which is no worker, it would compete
            // with the workers for CPU time and wake one of them for each connection.
            tokio::spawn(server.serve_forever()).await?
        }),
        Runtime::Smol => async_io::block_on(async {
            let builder = options!(audiosocket_smol, args);
            let builder = builder.blocked_handler_warning(true);
            let server = builder.wake_interval(args.wake_interval).start(acceptor);
            let server = server.await?;
            let _guard = guard_memory(server.handle())?;
            announce(server.local_addrs(), server.handle(), args.drain)?;
            server.serve_forever().await
        }),
        Runtime::Blocking => {
            let server = options!(audiosocket_blocking, args).start(acceptor)?;
            let _guard = guard_memory(server.handle())?;
            announce(server.local_addrs(), server.handle(), args.drain)?;
            server.serve_forever()
        }
    }
}

/// Makes the builder of an adapter, with the options that every adapter has.
macro_rules! options {
    ($adapter:ident, $args:ident) => {{
        let builder = $adapter::Server::builder()
            .backlog($args.backlog)
            .limits($args.limits())
            .allow_list($args.allow_list())
            .reuse_port($args.reuse_port)
            .session($args.session());
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

/// Makes signals end the server, and prints its addresses.
fn announce(addrs: &[SocketAddr], handle: ServerHandle, drain: Duration) -> io::Result<()> {
    signals::spawn({
        let mut grace = drain;
        move |signal| {
            let drain = humantime::format_duration(grace);
            tracing::info!(signal, %drain, "shutting down");
            handle.shutdown(grace);
            grace = Duration::ZERO;
        }
    })?;
    for addr in addrs {
        output::line(format_args!("listening on {addr}"))?;
    }
    Ok(())
}

impl ServeArgs {
    /// Returns the runtime of all calls. With `--threads`, it only accepts connections.
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
    }
}
