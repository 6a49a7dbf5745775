//! `audiosocket serve`: servers to point Asterisk at.

mod barge_in;
mod bot;
mod call_log;
mod caller_audio;
mod echo;
mod play;
mod prompt;
mod record;

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

use audiosocket_tokio::admission::{AllowList, Limits};
use audiosocket_tokio::config::SessionConfig;
use audiosocket_tokio::{Acceptor, CallRequest, ServerHandle};
use clap::{Args, Subcommand, ValueEnum};

use crate::usage_error::usage_error;
use crate::{address, duration, open_files, output, signals};
use call_log::CallLog;
use caller_audio::CallerAudio;

pub(crate) use echo::Echo;

#[derive(Debug, Subcommand)]
pub(crate) enum Serve {
    /// Play back to each caller what the caller says
    #[command(after_long_help = AFTER_HELP)]
    Echo(ServeArgs),
    /// Record what each caller says into a WAV file
    #[command(after_long_help = format!("{}\n\n{AFTER_HELP}", record::AFTER_HELP))]
    Record(record::RecordArgs),
    /// Play a WAV file to each caller, then hang up
    #[command(after_long_help = AFTER_HELP)]
    Play(play::PlayArgs),
    /// Ask each caller for digits and repeat them: a small IVR
    #[command(after_long_help = format!("{}\n\n{AFTER_HELP}", bot::AFTER_HELP))]
    Bot(bot::BotArgs),
}

/// What every kind of server can be told.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Where to listen, as host:port; may be given several times. Port 0 lets the system choose
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9092", value_parser = address::parse)]
    listen: Vec<String>,
    /// Networks and addresses that calls may come from, such as 192.0.2.0/24; may be given several
    /// times. Whoever else connects is hung up at once
    #[arg(long, value_name = "CIDR", default_value = "0.0.0.0/0,::/0")]
    allow: Vec<AllowList>,
    /// How long calls may go on after SIGINT or SIGTERM before they are hung up
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::parse)]
    drain: Duration,
    /// How long a connection may take to send its UUID; up to half as long again if thousands came at
    /// once
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::parse_positive)]
    uuid_timeout: Duration,
    /// Hang up a call on which nothing came for so long. By default never: a call on hold is quiet
    /// and healthy
    #[arg(long, value_name = "TIME", value_parser = duration::parse_positive)]
    idle_timeout: Option<Duration>,
    /// Hang up a call that has lasted so long. By default calls may last for ever
    #[arg(long, value_name = "TIME", value_parser = duration::parse_positive)]
    max_duration: Option<Duration>,
    /// How many connections may be open; those beyond get a hangup
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_calls)]
    max_calls: usize,
    /// How many of them may be without a UUID
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_pending)]
    max_pending: usize,
    /// How many of those may come from one IPv4 address, or one IPv6 network of 64 bits
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_pending_per_addr)]
    max_pending_per_addr: usize,
    /// Send nothing when there is nothing to say. By default silence is sent then, since a call to
    /// which nothing is sent can be silent both ways (asterisk/asterisk#2089)
    #[arg(long)]
    no_silence: bool,
    /// Let other processes listen on the same address; the system spreads the calls among them. One
    /// that ends loses no call if net.ipv4.tcp_migrate_req is 1 (Linux)
    #[arg(long)]
    reuse_port: bool,
    /// What serves the calls: tokio on all cores, smol on one, or a thread for each call
    #[arg(long, value_enum, default_value_t = Runtime::Tokio)]
    runtime: Runtime,
    /// Serve the calls on so many threads, to which they are dealt in turn and where they stay, instead of
    /// on one for each core that take calls from each other (tokio only)
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Look after all calls together so often, such as 2ms, instead of at once: a busy server takes less
    /// CPU, each frame waits that much longer at most. All calls are on one core then, or each thread of
    /// --threads looks after its own (tokio and smol, on Linux)
    #[arg(long, value_name = "TIME", value_parser = duration::parse_positive)]
    wake_interval: Option<Duration>,
    #[command(flatten)]
    caller: CallerAudio,
    /// How many connections may wait to be accepted
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(i32).range(1..))]
    backlog: i32,
}

/// The adapters of the library, which all serve alike.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Runtime {
    Tokio,
    Smol,
    Blocking,
}

const AFTER_HELP: &str = "\
Prints one line `listening on ADDR` for each socket on standard output as soon as calls can come.
Logs one line when a call starts and one when it ends on standard error: uuid, peer; how it ended,
seconds, frames of audio in and out and how many of those out were silence to keep the call going,
frames dropped because the peer did not read, exceptions; if something was played, how many frames of
it left late, and how often it had a gap.
RUST_LOG=debug also shows key presses; RUST_LOG=warn only what went wrong.

Dial without c(slin) sends the call's own codec. A-law, mu-law and G.722 are decoded. For GSM, Opus and
other compressed audio, one warning for each call names the codec; such callers are not echoed and do
not barge in. Slin of a wide rate under the kind of 8 kHz, from Asterisk before 20.17 or 22.7, is known
after 700 ms of audio, or at once with --input-rate.

Where the memory is bounded, by `ulimit -v` or a cgroup, new calls are refused when a tenth of that is
left, or 16 MiB, so that those that go on are not lost; `ulimit -v` counts what the C library reserves for each
thread too, of which MALLOC_ARENA_MAX=2 has it reserve less.

SIGINT or SIGTERM: takes no more calls, gives those that go on the time of --drain to end, and hangs
up the rest. A second signal hangs up at once, which takes two seconds at most. Either way the exit
code is 0.

In Asterisk's dialplan, for a server on 192.0.2.10 that listens on 0.0.0.0:9092:
  exten => 100,1,Answer()
   same => n,AudioSocket(${UUID()},192.0.2.10:9092)
   same => n,Hangup()

AudioSocket has no passwords and no encryption: whoever reaches the port is served. Listen where
only Asterisk can connect, or name Asterisk's address with --allow.";

pub(crate) fn run(serve: &Serve) -> io::Result<ExitCode> {
    open_files::raise_limit();
    match serve {
        Serve::Echo(args) => {
            let caller = args.caller;
            until_signal(move |_: &CallRequest<'_>| Ok(Echo::new(caller)), args)?;
        }
        Serve::Bot(args) => until_signal(args.acceptor()?, &args.serve)?,
        Serve::Record(args) => record::run(args)?,
        Serve::Play(args) => until_signal(args.acceptor()?, &args.serve)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Serves on the runtime that was asked for, until a signal has done its work.
fn until_signal<A: Acceptor>(acceptor: A, args: &ServeArgs) -> io::Result<()> {
    args.check();
    let acceptor = CallLog::new(acceptor);
    match args.runtime {
        Runtime::Tokio => args.tokio().enable_all().build()?.block_on(async {
            let builder = options!(audiosocket_tokio, args);
            let builder = builder.threads(args.threads).blocked_handler_warning(true);
            let server = builder.wake_interval(args.wake_interval).start(acceptor);
            let server = server.await?;
            let _guard = guard_memory(server.handle())?;
            announce(server.local_addrs(), server.handle(), args.drain)?;
            // A task takes turns with those of the calls; on this thread, which is none of the
            // workers', accepting would take their time, and wake them for each connection.
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

/// The builder of an adapter, with what all of them have.
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

/// Says that calls can come, and sees that signals end the server.
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
    /// The runtime for all calls, or for accepting alone.
    fn tokio(&self) -> tokio::runtime::Builder {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        if self.threads.is_some() {
            builder.worker_threads(1);
        }
        builder
    }

    /// What is wrong, but cannot be seen in one argument alone, ends the program.
    fn check(&self) {
        if self.threads.is_some() && !matches!(self.runtime, Runtime::Tokio) {
            usage_error("--threads is for --runtime tokio only");
        }
        if self.wake_interval.is_some() && matches!(self.runtime, Runtime::Blocking) {
            usage_error(
                "--wake-interval is not for --runtime blocking, where each call has a thread",
            );
        }
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
