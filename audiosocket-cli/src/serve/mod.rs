//! `audiosocket serve`: servers to point Asterisk at.

mod call_log;
mod echo;
mod line_budget;

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use audiosocket_tokio::{Acceptor, ServerHandle, ServerOptions, SessionConfig};
use clap::{Args, Subcommand, ValueEnum};

use crate::{address, duration, open_files, output, signals};
use call_log::CallLog;

pub(crate) use echo::Echo;

#[derive(Debug, Subcommand)]
pub(crate) enum Serve {
    /// Play back to each caller what the caller says
    #[command(after_long_help = AFTER_HELP)]
    Echo(ServeArgs),
}

/// What every kind of server can be told.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Where to listen, as host:port; may be given several times. Port 0 lets the system choose
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9092", value_parser = address::parse)]
    listen: Vec<String>,
    /// How long calls may go on after SIGINT or SIGTERM before they are hung up
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::parse)]
    drain: Duration,
    /// How long a connection may take to send its UUID
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::parse_positive)]
    uuid_timeout: Duration,
    /// Hang up a call on which nothing came for so long. By default never: a call on hold is quiet
    /// and healthy
    #[arg(long, value_name = "TIME", value_parser = duration::parse_positive)]
    idle_timeout: Option<Duration>,
    /// Let other processes listen on the same address; the system spreads the calls among them
    #[arg(long)]
    reuse_port: bool,
    /// What serves the calls: tokio on all cores, smol on one, or a thread for each call
    #[arg(long, value_enum, default_value_t = Runtime::Tokio)]
    runtime: Runtime,
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
seconds, frames of audio in and out, frames dropped because the peer did not read, exceptions.
RUST_LOG=debug also shows key presses; RUST_LOG=warn only what went wrong.

SIGINT or SIGTERM: takes no more calls, gives those that go on the time of --drain to end, and hangs
up the rest. A second signal hangs up at once, which takes two seconds at most. Either way the exit
code is 0.

In Asterisk's dialplan, for a server on 192.0.2.10 that listens on 0.0.0.0:9092:
  exten => 100,1,Answer()
   same => n,AudioSocket(${UUID()},192.0.2.10:9092)
   same => n,Hangup()

AudioSocket has no passwords and no encryption: whoever reaches the port is served. Listen where
only Asterisk can connect.";

pub(crate) fn run(serve: &Serve) -> io::Result<ExitCode> {
    open_files::raise_limit();
    match serve {
        Serve::Echo(args) => until_signal(Echo::accept, args)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Serves on the runtime that was asked for, until a signal has done its work.
fn until_signal<A: Acceptor>(acceptor: A, args: &ServeArgs) -> io::Result<()> {
    let acceptor = CallLog::new(acceptor);
    let options = args.options();
    match args.runtime {
        Runtime::Tokio => tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(async {
                let server = audiosocket_tokio::Server::start(acceptor, options).await?;
                announce(server.local_addrs(), server.handle(), args.drain)?;
                server.serve_forever().await
            }),
        Runtime::Smol => async_io::block_on(async {
            let server = audiosocket_smol::Server::start(acceptor, options).await?;
            announce(server.local_addrs(), server.handle(), args.drain)?;
            server.serve_forever().await
        }),
        Runtime::Blocking => {
            let server = audiosocket_blocking::Server::start(acceptor, options)?;
            announce(server.local_addrs(), server.handle(), args.drain)?;
            server.serve_forever()
        }
    }
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
    fn options(&self) -> ServerOptions {
        let mut session = SessionConfig::default();
        session.uuid_timeout = self.uuid_timeout;
        session.idle_timeout = self.idle_timeout;
        let options = ServerOptions::new()
            .backlog(self.backlog)
            .reuse_port(self.reuse_port)
            .session(session);
        self.listen
            .iter()
            .fold(options, |options, addr| options.bind(&**addr))
    }
}
