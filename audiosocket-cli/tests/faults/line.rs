//! A line between two networks that loses, delays and reorders packets, as `tc netem` does where a
//! kernel has that. Both ends of it are TUN devices, and what goes from one to the other passes here.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng as _, SeedableRng as _};
use tun_rs::{DeviceBuilder, SyncDevice};

use super::namespace::{Namespace, unique};
use super::process::{ServeProcess, audiosocket};

/// The addresses of the two ends.
pub(crate) const NEAR: &str = "192.0.2.1";
pub(crate) const FAR: &str = "192.0.2.2";

/// Longer than any packet of the devices.
const PACKET: usize = 2048;

/// What befalls packets, each way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// Of 100 packets, how many are lost.
    pub(crate) loss: u32,
    /// How long the others take, at least.
    pub(crate) delay: Duration,
    /// How much longer, at most: some overtake others then.
    pub(crate) jitter: Duration,
}

/// The line, and the networks at its ends.
pub(crate) struct Line {
    pub(crate) near: Namespace,
    pub(crate) far: Namespace,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    cut: AtomicBool,
    lost: AtomicU64,
    overtaken: AtomicU64,
}

impl Line {
    pub(crate) fn new(weather: Weather) -> Self {
        let (near, far) = (Namespace::new(), Namespace::new());
        let state = Arc::new(State::default());
        let near_end = Arc::new(end(&near, NEAR, FAR));
        let far_end = Arc::new(end(&far, FAR, NEAR));
        for (seed, from, to) in [(1, &near_end, &far_end), (2, &far_end, &near_end)] {
            let (packets, queue) = mpsc::channel();
            let (from, to) = (Arc::clone(from), Arc::clone(to));
            let (taking, giving) = (Arc::clone(&state), Arc::clone(&state));
            // They end when the devices are gone, with their namespaces.
            thread::spawn(move || taking.take(&from, weather, seed, &packets));
            thread::spawn(move || giving.give(&queue, &to));
        }
        Self { near, far, state }
    }

    /// Starts an echo at the far end; port 0 lets the system choose.
    pub(crate) fn serve(&self, runtime: &str, port: u16, args: &[&str]) -> ServeProcess {
        let listen = format!("{FAR}:{port}");
        let server = ["serve", "echo", "--runtime", runtime, "--listen", &listen];
        // However busy this machine is.
        let patient = ["--uuid-timeout", "1h"];
        let server = server.into_iter().chain(patient);
        let server = audiosocket(server.chain(args.iter().copied()));
        ServeProcess::run_as_is(self.far.within(&server), 1)
    }

    /// Has callers at the near end call it.
    pub(crate) fn call(&self, server: SocketAddr, args: &[&str]) -> Child {
        let server = server.to_string();
        let call = ["call", &server, "--json"];
        let patient = ["--linger", "60s", "--connect-timeout", "60s"];
        let call = call.into_iter().chain(patient);
        let call = audiosocket(call.chain(args.iter().copied()));
        let mut call = self.near.within(&call);
        call.stdout(Stdio::piped()).stderr(Stdio::piped());
        call.spawn().unwrap()
    }

    /// From now on nothing comes through, and nobody is told.
    pub(crate) fn cut(&self) {
        self.state.cut.store(true, Ordering::Relaxed);
    }

    pub(crate) fn mend(&self) {
        self.state.cut.store(false, Ordering::Relaxed);
    }

    /// How many packets were lost, and how many were overtaken.
    pub(crate) fn harm(&self) -> (u64, u64) {
        let harm = [&self.state.lost, &self.state.overtaken];
        let [lost, overtaken] = harm.map(|count| count.load(Ordering::Relaxed));
        (lost, overtaken)
    }
}

/// One end of the line, within its network.
fn end(namespace: &Namespace, own: &str, peer: &str) -> SyncDevice {
    let name = unique("as");
    let device = DeviceBuilder::new().name(&name).enable(false);
    let device = device.build_sync().unwrap();
    let moved = ["link", "set", &name, "netns", namespace.name()];
    let status = std::process::Command::new("ip").args(moved).status();
    assert!(status.unwrap().success());
    namespace.ip(&["addr", "add", own, "peer", peer, "dev", &name]);
    namespace.ip(&["link", "set", &name, "up"]);
    device
}

/// A packet with when it is due, and how many came before it.
type Due = Reverse<(Instant, u64, Vec<u8>)>;

impl State {
    fn take(&self, from: &SyncDevice, weather: Weather, seed: u64, packets: &Sender<Due>) {
        let mut chance = Pcg64Mcg::seed_from_u64(seed);
        let mut packet = [0; PACKET];
        let jitter = u64::try_from(weather.jitter.as_micros()).unwrap() + 1;
        for number in 0.. {
            let Ok(len) = from.recv(&mut packet) else {
                return;
            };
            if self.cut.load(Ordering::Relaxed) {
                continue;
            }
            if chance.next_u32() % 100 < weather.loss {
                self.lost.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let late = Duration::from_micros(chance.next_u64() % jitter);
            let due = Instant::now() + weather.delay + late;
            if packets
                .send(Reverse((due, number, packet[..len].to_vec())))
                .is_err()
            {
                return;
            }
        }
    }

    fn give(&self, queue: &Receiver<Due>, to: &SyncDevice) {
        let mut waiting = BinaryHeap::<Due>::new();
        let mut newest = 0;
        loop {
            let now = Instant::now();
            if let Some(next) = waiting.peek_mut()
                && next.0.0 <= now
            {
                let Reverse((_, number, packet)) = PeekMut::pop(next);
                // What the device does not take is lost too.
                let _ = to.send(&packet);
                if number < newest {
                    self.overtaken.fetch_add(1, Ordering::Relaxed);
                }
                newest = newest.max(number);
                continue;
            }
            let next = waiting.peek().map(|Reverse((due, ..))| *due - now);
            match queue.recv_timeout(next.unwrap_or(Duration::from_secs(3600))) {
                Ok(packet) => waiting.push(packet),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}
