//! A line between two networks that loses, delays and reorders packets. `tc netem` does the same, but not every kernel has it.
//! Both ends are TUN devices, and this process passes the packets from one to the other.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng as _, SeedableRng as _};
use tun_rs::{DeviceBuilder, SyncDevice};

use crate::{Namespace, unique};

/// The address of the near end.
pub const NEAR: &str = "192.0.2.1";
/// The address of the far end.
pub const FAR: &str = "192.0.2.2";

/// Longer than every packet of the devices, in bytes.
const PACKET: usize = 2048;

/// The faults of a line, the same in each direction.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the tests name each fault")]
pub struct LineFaults {
    /// The number of lost packets in 100.
    pub loss: u32,
    /// The minimum delay of the others.
    pub delay: Duration,
    /// The maximum of the random delay in addition. It lets packets overtake others.
    pub jitter: Duration,
}

/// A line and the networks at its ends.
#[derive(Debug)]
#[non_exhaustive]
pub struct Line {
    /// The network with the address [`NEAR`].
    pub near: Namespace,
    /// The network with the address [`FAR`].
    pub far: Namespace,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    cut: AtomicBool,
    lost: AtomicU64,
    overtaken: AtomicU64,
}

impl Line {
    /// Makes a line with these faults. The lost packets are the same in each run, counted from the first packet.
    ///
    /// # Panics
    /// If the system cannot make the namespaces or the devices.
    #[must_use]
    pub fn new(faults: LineFaults) -> Self {
        let (near, far) = (Namespace::new(), Namespace::new());
        let state = Arc::new(State::default());
        let near_end = Arc::new(end(&near, NEAR, FAR));
        let far_end = Arc::new(end(&far, FAR, NEAR));
        for (seed, from, to) in [(1, &near_end, &far_end), (2, &far_end, &near_end)] {
            let (packets, queue) = mpsc::channel();
            let (from, to) = (Arc::clone(from), Arc::clone(to));
            let (taking, giving) = (Arc::clone(&state), Arc::clone(&state));
            // The threads end when the namespaces, and so the devices, are removed.
            thread::spawn(move || taking.take(&from, faults, seed, &packets));
            thread::spawn(move || giving.give(&queue, &to));
        }
        Self { near, far, state }
    }

    /// Drops all packets from now on, without an error to either end.
    pub fn cut(&self) {
        self.state.cut.store(true, Ordering::Relaxed);
    }

    /// Passes packets again.
    pub fn mend(&self) {
        self.state.cut.store(false, Ordering::Relaxed);
    }

    /// Returns the number of lost packets and of overtaken packets.
    #[must_use]
    pub fn faults(&self) -> (u64, u64) {
        let counts = [&self.state.lost, &self.state.overtaken];
        let [lost, overtaken] = counts.map(|count| count.load(Ordering::Relaxed));
        (lost, overtaken)
    }
}

/// Makes one end of the line, in its network.
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

/// A packet with its time and its number.
type Due = Reverse<(Instant, u64, Vec<u8>)>;

impl State {
    fn take(&self, from: &SyncDevice, faults: LineFaults, seed: u64, packets: &Sender<Due>) {
        let mut chance = Pcg64Mcg::seed_from_u64(seed);
        let mut packet = [0; PACKET];
        let jitter = u64::try_from(faults.jitter.as_micros()).unwrap() + 1;
        for number in 0.. {
            let Ok(len) = from.recv(&mut packet) else {
                return;
            };
            if self.cut.load(Ordering::Relaxed) {
                continue;
            }
            if chance.next_u32() % 100 < faults.loss {
                self.lost.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let late = Duration::from_micros(chance.next_u64() % jitter);
            let due = Instant::now() + faults.delay + late;
            if packets
                .send(Reverse((due, number, packet[..len].to_vec())))
                .is_err()
            {
                return;
            }
        }
    }

    fn give(&self, queue: &Receiver<Due>, to: &SyncDevice) {
        let mut queued = BinaryHeap::<Due>::new();
        let mut newest = 0;
        loop {
            let now = Instant::now();
            if let Some(next) = queued.peek_mut()
                && next.0.0 <= now
            {
                let Reverse((_, number, packet)) = PeekMut::pop(next);
                // The device can drop a packet, as a real one does.
                let _ = to.send(&packet);
                if number < newest {
                    self.overtaken.fetch_add(1, Ordering::Relaxed);
                }
                newest = newest.max(number);
                continue;
            }
            let next = queued.peek().map(|Reverse((due, ..))| *due - now);
            match queue.recv_timeout(next.unwrap_or(Duration::from_secs(3600))) {
                Ok(packet) => queued.push(packet),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}
