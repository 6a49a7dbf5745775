//! `audiosocket demo`: an echo server and callers, in one process.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use audiosocket_tokio::{Server, ServerHandle};
use clap::Args;

use crate::call::{self, CallArgs};
use crate::duration;
use crate::serve::Echo;

#[derive(Args, Debug)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct DemoArgs {
    /// How many calls to place, all at once
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    calls: u32,
    /// How long each caller talks
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::parse_positive)]
    duration: Duration,
    /// Print one JSON object instead of a table; `audiosocket call --help` explains both
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = "\
Shows what the program does, and whether this machine is up to it: an echo server and its callers run
on a thread each, over the loopback interface. No frame should be missing, and latency should stay
far below the 20 ms that a frame lasts. Exit codes as those of `audiosocket call`.";

pub(crate) fn run(args: &DemoArgs) -> io::Result<ExitCode> {
    let (ready, started) = mpsc::channel();
    // A thread of its own, as a server would have a machine of its own.
    let server = thread::Builder::new()
        .name("server".to_owned())
        .spawn(move || serve(&ready))?;
    let code = match started.recv() {
        Ok((addr, handle)) => {
            let call = CallArgs::of_demo(&addr.to_string(), args.calls, args.duration, args.json);
            let code = call::run(&call);
            handle.shutdown(Duration::ZERO);
            code
        }
        // It failed before it was ready, and will say why.
        Err(_) => Ok(ExitCode::FAILURE),
    };
    match server.join() {
        Ok(served) => served.and(code),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn serve(ready: &mpsc::Sender<(SocketAddr, ServerHandle)>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let builder = Server::builder().bind((Ipv4Addr::LOCALHOST, 0));
        let server = builder.start(Echo::accept).await?;
        let addr = server.local_addrs()[0];
        // If nobody waits for it, the other thread has failed and the process ends.
        let _ = ready.send((addr, server.handle()));
        server.serve_forever().await
    })
}
