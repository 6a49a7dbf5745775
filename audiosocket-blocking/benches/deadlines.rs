//! The lateness of deadlines and of commands from another thread, measured by the peer. The wake-up of the peer is part of
//! it. 200 quiet calls at the same time, five times.
//!
//! ```sh
//! cargo bench -p audiosocket-blocking --bench deadlines
//! ```

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_blocking::config::SessionConfig;
use audiosocket_blocking::{Audio, Call, CallHandle, CallRequest, Handler, Response, Server};
use hdrhistogram::Histogram;

const CALLS: u64 = 200;
const TIMES: u64 = 5;

fn main() {
    let mut deadlines = Histogram::<u64>::new(3).unwrap();
    let mut commands = Histogram::<u64>::new(3).unwrap();
    for _ in 0..TIMES {
        deadlines += lateness_of_deadlines();
        commands += delay_of_commands();
    }
    for (what, histogram) in [("deadline", deadlines), ("command", commands)] {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e6;
        let max = histogram.max() as f64 / 1e6;
        println!(
            "{what:>8}: {} times, late by p50 {:.3} ms, p99 {:.3} ms, max {max:.3} ms",
            histogram.len(),
            at(0.5),
            at(0.99),
        );
    }
}

/// Connections without a UUID. In nanoseconds after their timeout.
fn lateness_of_deadlines() -> Histogram<u64> {
    const ALLOWED: Duration = Duration::from_millis(500);
    let session = SessionConfig::new().uuid_timeout(ALLOWED);
    let (addr, _handles) = serve(session);
    let peers = (0..CALLS).map(|number| {
        thread::spawn(move || {
            // Spread, since two cores could not serve all deadlines at the same moment.
            thread::sleep(Duration::from_millis(2) * u32::try_from(number).unwrap());
            let mut peer = TcpStream::connect(addr).unwrap();
            let connected = Instant::now();
            hear_hangup(&mut peer);
            connected.elapsed().saturating_sub(ALLOWED)
        })
    });
    let peers: Vec<_> = peers.collect();
    let delays = peers.into_iter().map(|peer| peer.join().unwrap());
    histogram(delays)
}

/// Calls that a handle hangs up from another thread, one after the other.
fn delay_of_commands() -> Histogram<u64> {
    let (addr, handles) = serve(SessionConfig::default());
    let mut peers = Vec::new();
    for number in 0..CALLS {
        let mut peer = TcpStream::connect(addr).unwrap();
        peer.write_all(b"\x01\x00\x10sixteen bytes !!").unwrap();
        peers.push(peer);
        while handles.lock().unwrap().len() <= usize::try_from(number).unwrap() {
            thread::yield_now();
        }
    }
    let delays = peers.into_iter().enumerate().map(|(number, mut peer)| {
        let handle = handles.lock().unwrap()[number].clone();
        let listening = thread::spawn(move || {
            hear_hangup(&mut peer);
            Instant::now()
        });
        thread::sleep(Duration::from_millis(2));
        let asked = Instant::now();
        handle.hangup();
        listening.join().unwrap() - asked
    });
    histogram(delays)
}

fn histogram(delays: impl Iterator<Item = Duration>) -> Histogram<u64> {
    let mut histogram = Histogram::new(3).unwrap();
    for delay in delays {
        histogram.record(delay.as_nanos() as u64).unwrap();
    }
    histogram
}

fn hear_hangup(peer: &mut TcpStream) {
    let mut hangup = [1; 3];
    peer.read_exact(&mut hangup).unwrap();
    assert_eq!(hangup, [0; 3]);
}

type Handles = Arc<Mutex<Vec<CallHandle>>>;

fn serve(session: SessionConfig) -> (SocketAddr, Handles) {
    let handles = Handles::default();
    let kept = Arc::clone(&handles);
    let accept = move |_: &CallRequest<'_>| Ok(Keep(Arc::clone(&kept)));
    let builder = Server::builder().bind("127.0.0.1:0").session(session);
    let server = builder.start(accept).unwrap();
    let addr = server.local_addrs()[0];
    thread::spawn(|| server.serve_forever());
    (addr, handles)
}

/// Gives the handle of its call to the other thread.
struct Keep(Handles);

impl Handler for Keep {
    fn on_start(&mut self, call: &mut Call<'_>) {
        self.0.lock().unwrap().push(call.handle().into());
    }

    fn on_audio<'a>(&mut self, _: &mut Call<'_>, _: Audio<'a>) -> Response<'a> {
        Response::Nothing
    }
}
