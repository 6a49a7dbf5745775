//! `audiosocket serve`: AudioSocket servers for Asterisk.

mod args;
mod balancer;
mod barge_in_args;
mod bot;
mod caller_input;
mod capture;
mod echo;
mod input_options;
mod operate;
mod play;
mod play_rate;
mod prompt;
mod record;
mod start_at_rate;
#[cfg(feature = "tls")]
mod tls_options;
#[cfg(target_os = "linux")]
mod upgrade;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::time::Duration;

use audiosocket_tokio::admission::Admission;
use audiosocket_tokio::config::SessionConfig;
use audiosocket_tokio::{Acceptor, ServerHandle};
use clap::{Args, Subcommand};

use crate::{help, open_files, output};
use args::{Runtime, ServeArgs};
use capture::CapturingAcceptor;
use operate::activation;
use operate::call_log::CallLog;
use operate::operator::Operator;
use operate::ports::{OperatorPorts, TakenPorts};
use operate::service_manager::ServiceManager;
use record::RecordOptions;

pub(crate) use echo::Echo;
use echo::EchoAcceptor;

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

pub(crate) fn run(serve: &Serve) -> io::Result<ExitCode> {
    open_files::raise_limit();
    match serve {
        Serve::Echo(args) => {
            let acceptor = EchoAcceptor::new(args.serve.caller);
            args.record.serve(acceptor, &args.serve, None)?;
        }
        Serve::Bot(args) => {
            let tail = Some(args.tail);
            args.record.serve(args.acceptor()?, &args.serve, tail)?;
        }
        Serve::Record(args) => record::run(args)?,
        Serve::Play(args) => {
            let tail = Some(args.tail);
            args.record.serve(args.acceptor()?, &args.serve, tail)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Serves on the runtime of `--runtime`, until a signal has ended the server. `tail` follows the audio before a hangup. A
/// server without one sends no audio of its own.
fn until_signal<A: Acceptor>(
    acceptor: A,
    args: &ServeArgs,
    tail: Option<Duration>,
) -> io::Result<()> {
    args.check();
    // Before the server has threads.
    let sockets = activation::take_sockets()?;
    let allow_file = args.allow_file()?;
    let captures = args.capture.start()?;
    let acceptor = CapturingAcceptor::new(acceptor, captures.clone());
    #[cfg(feature = "tls")]
    let certificates = args.tls.certificates()?;
    let acceptor = CallLog::new(acceptor, tail.is_some());
    let operator = |server: ServerHandle, mut taken: TakenPorts| {
        let mut ports = OperatorPorts::default();
        args.status.start(&server, &mut taken, &mut ports)?;
        let agent = &args.balancer;
        let agent = agent.agent_check(server.clone(), &mut taken, &mut ports)?;
        let operator = Operator {
            agent,
            server,
            allow_file: allow_file.clone(),
            #[cfg(feature = "tls")]
            certificates: certificates.clone(),
            notice: args.drain_notice,
            drain: args.drain,
        };
        Ok((operator, ports))
    };
    let config = ServeConfig {
        sockets,
        admission: args.admission(allow_file.clone()),
        session: args.session().hangup_tail(tail.unwrap_or_default()),
        #[cfg(feature = "tls")]
        tls: certificates
            .as_ref()
            .map(operate::certificates::Certificates::config),
    };
    let served = serve(acceptor, config, args, operator);
    if let Some(captures) = captures {
        captures.finish();
    }
    served.map_err(|error| args.with_remedy(&error))
}

/// What each runtime gets for its server.
struct ServeConfig {
    /// The sockets of a service manager. If there are any, they replace `--listen`.
    sockets: Vec<TcpListener>,
    admission: Admission,
    session: SessionConfig,
    #[cfg(feature = "tls")]
    tls: Option<audiosocket_tokio::config::TlsConfig>,
}

fn serve<A: Acceptor>(
    acceptor: A,
    config: ServeConfig,
    args: &ServeArgs,
    operator: impl Fn(ServerHandle, TakenPorts) -> io::Result<(Operator, OperatorPorts)>,
) -> io::Result<()> {
    match args.runtime {
        Runtime::Tokio => args.tokio().enable_all().build()?.block_on(async {
            let mut builder = options!(audiosocket_tokio, args, config);
            #[cfg(target_os = "linux")]
            let mut predecessor = args.upgrade.predecessor()?;
            let mut taken = TakenPorts::default();
            #[cfg(target_os = "linux")]
            if let Some(predecessor) = &mut predecessor {
                // Its addresses, and not those of the options, which are in use.
                builder = builder.taken_listeners(predecessor.take_listeners());
                taken = predecessor.take_ports();
            }
            let builder = builder.threads(args.threads).blocked_handler_warning(true);
            #[cfg(feature = "tls")]
            let builder = builder.tls(config.tls);
            let server = builder.wake_interval(args.wake_interval).start(acceptor);
            let server = server.await?;
            let _guard = guard_memory(server.handle())?;
            let (operator, ports) = operator(server.handle(), taken)?;
            let manager = operator.spawn()?;
            // Last, because calls that were taken over are lost if the process ends with an error.
            #[cfg(target_os = "linux")]
            let ports = args
                .upgrade
                .start(predecessor, &server, args.drain, ports)
                .await?;
            let _answering = ports;
            announce(server.local_addrs(), &manager);
            // The accept loop runs on the threads of the calls. On this thread, which is no worker, it would compete
            // with the workers for CPU time and wake one of them for each connection.
            tokio::spawn(server.serve_forever()).await?
        }),
        Runtime::Smol => async_io::block_on(async {
            let builder = options!(audiosocket_smol, args, config);
            let builder = builder.blocked_handler_warning(true);
            #[cfg(feature = "tls")]
            let builder = builder.tls(config.tls);
            let server = builder.wake_interval(args.wake_interval).start(acceptor);
            let server = server.await?;
            let _guard = guard_memory(server.handle())?;
            let (operator, _answering) = operator(server.handle(), TakenPorts::default())?;
            announce(server.local_addrs(), &operator.spawn()?);
            server.serve_forever().await
        }),
        Runtime::Blocking => {
            let server = options!(audiosocket_blocking, args, config).start(acceptor)?;
            let _guard = guard_memory(server.handle())?;
            let (operator, _answering) = operator(server.handle(), TakenPorts::default())?;
            announce(server.local_addrs(), &operator.spawn()?);
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
        let listen = $args.listen.iter().filter(|_| $config.sockets.is_empty());
        let builder = listen.fold(builder, |builder, addr| builder.bind(addr));
        let sockets = $config.sockets.into_iter();
        sockets.fold(builder, |builder, socket| builder.listener(socket))
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

/// Notifies the service manager that the server is ready, and prints its addresses.
fn announce(addrs: &[SocketAddr], manager: &ServiceManager) {
    manager.ready();
    for addr in addrs {
        output::announce(format_args!("listening on {addr}"));
    }
}
