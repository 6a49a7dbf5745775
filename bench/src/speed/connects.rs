//! The cost of a call that ends right after its start.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use audiosocket_testing::usage::own_cpu_time;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::timeout;

use super::contender::Contender;
use super::{Bench, rounds, spread};
use crate::figure::Figure;
use crate::program::Server;

const UUID: &[u8; 19] = b"\x01\x00\x10of a short call!";

/// The number of calls at the same time.
const AT_ONCE: usize = 64;

/// A process that uses this many processor seconds per second limits the speed.
const BUSY: f64 = 0.95;

/// The limit for the duration of a call.
const LONGEST: Duration = Duration::from_secs(10);

struct Rate {
    per_second: f64,
    /// Microseconds of processor time of the server for each call.
    cpu: f64,
    callers_were_the_limit: bool,
}

/// Each call sends its UUID, hangs up, and waits until the server has closed too.
pub(super) fn measure(bench: &Bench) -> io::Result<Vec<Figure>> {
    let time = Duration::from_millis(if bench.short { 300 } else { 2_000 });
    let load = "short calls";
    let all = Contender::answers_at_once;
    let turns = rounds::take(bench, load, bench.repeat, all, |contender| {
        let server = bench.echo(contender, &[])?;
        bench.cores.on_load(|| {
            // The first calls fill buffers and caches.
            call_for(&server, time / 4)?;
            call_for(&server, time)
        })?
    });
    let mut figures = Vec::new();
    for turns in &turns {
        let what = |what: &str| format!("{load}, {}: {what}", turns.contender.name);
        let rates = turns.values(|rate| rate.per_second);
        figures.extend(spread::figure(what("calls"), rates, "/s"));
        let cpu = turns.values(|rate| rate.cpu);
        figures.extend(spread::figure(what("processor time per call"), cpu, "µs"));
        figures.extend(turns.limits(load, |rate| rate.callers_were_the_limit));
        figures.extend(turns.failures(load));
    }
    Ok(figures)
}

fn call_for(server: &Server, time: Duration) -> io::Result<Rate> {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build()?;
    let (cpu, own_cpu) = (server.observed.cpu_time()?, own_cpu_time()?);
    let begun = Instant::now();
    let calls = runtime.block_on(LocalSet::new().run_until(all(server.addr, begun + time)))?;
    let took = begun.elapsed().as_secs_f64();
    let cpu = server
        .observed
        .cpu_time()?
        .saturating_sub(cpu)
        .as_secs_f64();
    let own_cpu = own_cpu_time()?.saturating_sub(own_cpu).as_secs_f64();
    Ok(Rate {
        per_second: calls as f64 / took,
        cpu: cpu * 1e6 / calls as f64,
        callers_were_the_limit: own_cpu / took >= BUSY && cpu / took < BUSY,
    })
}

/// Places calls until that time, and returns their number.
async fn all(addr: SocketAddr, until: Instant) -> io::Result<u64> {
    let calls = std::rc::Rc::new(Cell::new(0));
    let callers: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let calls = std::rc::Rc::clone(&calls);
            tokio::task::spawn_local(async move {
                while Instant::now() < until {
                    timeout(LONGEST, call(addr)).await??;
                    calls.set(calls.get() + 1);
                }
                io::Result::Ok(())
            })
        })
        .collect();
    for caller in callers {
        caller.await??;
    }
    Ok(calls.get())
}

async fn call(addr: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.write_all(UUID).await?;
    stream.shutdown().await?;
    // Silence may come before the end.
    let mut received = [0; 1024];
    while stream.read(&mut received).await? > 0 {}
    Ok(())
}
