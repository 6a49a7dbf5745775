use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng as _;
use rustix::process::setpriority_process;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::cores::Cores;

/// How many attackers there are of each kind, for as long as the attack lasts.
struct Size {
    /// Send nothing.
    silent: u64,
    /// Send a byte a second.
    drip: u64,
    /// Call, and read nothing.
    deaf: u64,
    /// Connect and reset, so many a second.
    resets: u32,
}

const SIZE: Size = Size {
    silent: 5_000,
    drip: 1_000,
    deaf: 200,
    resets: 500,
};

const SMALL: Size = Size {
    silent: 50,
    drip: 10,
    deaf: 5,
    resets: 20,
};

/// How many milliseconds after the server has ended a connection its attacker closes it, and comes
/// again: at any time of these. If those that are refused came again at once, they would be a storm
/// of connects, which is a kind of its own.
const PAUSE: Range<u32> = 2_000..10_000;

const DRIP: Duration = Duration::from_secs(1);

const UUID: &[u8; 19] = b"\x01\x00\x10of an attacker !";
const PTIME: Duration = Duration::from_millis(20);

/// 20 ms of silence at 8 kHz.
const AUDIO: [u8; 323] = {
    let mut frame = [0; 323];
    (frame[0], frame[1], frame[2]) = (0x10, 0x01, 0x40);
    frame
};

/// Attackers that go on until they are told to end.
pub(super) struct Attack {
    stop: oneshot::Sender<()>,
    thread: thread::JoinHandle<io::Result<()>>,
    counts: Arc<Counts>,
    resets_per_second: u32,
    began: Instant,
}

/// What came of their connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connects {
    pub(super) made: u64,
    /// By the server.
    pub(super) closed: u64,
    pub(super) failed: u64,
    /// How many resets the storm did not come to, of each that it should have made.
    pub(super) resets_short: f64,
}

#[derive(Debug, Default)]
struct Counts {
    made: AtomicU64,
    closed: AtomicU64,
    failed: AtomicU64,
    resets: AtomicU64,
}

impl Attack {
    /// All at once, on the other core than the server. With the least priority: it shall take the
    /// server's time, not that of the good callers.
    pub(super) fn begin(server: SocketAddr, small: bool, cores: &Cores) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let counts = Arc::new(Counts::default());
        let size = if small { SMALL } else { SIZE };
        let counted = Arc::clone(&counts);
        let attack = move || {
            setpriority_process(None, 19)?;
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let attacker = |address, number| Attacker {
                    server,
                    address,
                    random: Pcg32::new(number, address.into()),
                    counts: Arc::clone(&counted),
                };
                for number in 0..size.silent {
                    // So few addresses that each meets the limit for one.
                    tokio::spawn(attacker(2 + (number % 4) as u8, number).be_silent());
                }
                for number in 0..size.drip {
                    tokio::spawn(attacker(6, number).drip());
                }
                for number in 0..size.deaf {
                    tokio::spawn(attacker(7, number).be_deaf());
                }
                tokio::spawn(attacker(8, 0).reset(size.resets));
                let _ = stopped.await;
            });
            // With the runtime all connections are dropped.
            Ok(())
        };
        let thread = cores.on_load(|| {
            thread::Builder::new()
                .name("attack".to_owned())
                .spawn(attack)
        })??;
        Ok(Self {
            stop,
            thread,
            counts,
            resets_per_second: size.resets,
            began: Instant::now(),
        })
    }

    pub(super) fn end(self) -> io::Result<Connects> {
        let resets = self.began.elapsed().as_secs_f64() * f64::from(self.resets_per_second);
        let _ = self.stop.send(());
        let ended = self.thread.join();
        ended.unwrap_or_else(|_| Err(io::Error::other("the attack panicked")))?;
        let [made, closed, failed] = [&self.counts.made, &self.counts.closed, &self.counts.failed]
            .map(|count| count.load(Relaxed));
        Ok(Connects {
            made,
            closed,
            failed,
            resets_short: 1.0 - self.counts.resets.load(Relaxed) as f64 / resets,
        })
    }
}

/// One of them, which comes again and again.
#[derive(Clone)]
struct Attacker {
    server: SocketAddr,
    /// The last number of its own address.
    address: u8,
    random: Pcg32,
    counts: Arc<Counts>,
}

impl Attacker {
    async fn be_silent(mut self) {
        loop {
            let mut connected = self.connect(None).await;
            if let Ok(stream) = &mut connected {
                self.wait_for_end(stream).await;
            }
            self.pause().await;
        }
    }

    async fn drip(mut self) {
        loop {
            let mut connected = self.connect(None).await;
            if let Ok(stream) = &mut connected {
                for byte in UUID.iter().chain(&AUDIO) {
                    let dripped = stream.write_all(&[*byte]).await;
                    let quiet = timeout(DRIP, self.wait_for_end(stream)).await;
                    if dripped.is_err() || quiet.is_ok() {
                        break;
                    }
                }
            }
            self.pause().await;
        }
    }

    async fn be_deaf(mut self) {
        loop {
            // As little as the kernel allows, so that the server soon finds it full.
            let mut connected = self.connect(Some(1)).await;
            if let Ok(stream) = &mut connected {
                let mut due = interval(PTIME);
                due.set_missed_tick_behavior(MissedTickBehavior::Burst);
                let mut sent = stream.write_all(UUID).await;
                while sent.is_ok() {
                    due.tick().await;
                    sent = stream.write_all(&AUDIO).await;
                }
                self.counts.closed.fetch_add(1, Relaxed);
            }
            self.pause().await;
        }
    }

    async fn reset(self, per_second: u32) {
        let mut due = interval(Duration::from_secs(1) / per_second);
        due.set_missed_tick_behavior(MissedTickBehavior::Burst);
        loop {
            due.tick().await;
            let attacker = self.clone();
            tokio::spawn(async move {
                let connected = attacker.connect(None).await;
                if connected.is_ok_and(|stream| stream.set_zero_linger().is_ok()) {
                    attacker.counts.resets.fetch_add(1, Relaxed);
                }
            });
        }
    }

    async fn pause(&mut self) {
        let spread = self.random.next_u32() % (PAUSE.end - PAUSE.start);
        sleep(Duration::from_millis((PAUSE.start + spread).into())).await;
    }

    async fn connect(&self, receive_buffer: Option<u32>) -> io::Result<TcpStream> {
        let connected = async {
            let socket = TcpSocket::new_v4()?;
            if let Some(size) = receive_buffer {
                socket.set_recv_buffer_size(size)?;
            }
            socket.bind((Ipv4Addr::new(127, 0, 0, self.address), 0).into())?;
            socket.connect(self.server).await
        }
        .await;
        let count = match &connected {
            Ok(_) => &self.counts.made,
            Err(_) => &self.counts.failed,
        };
        count.fetch_add(1, Relaxed);
        connected
    }

    /// Until the server ends the connection; what it sends until then is read. Cancel safe.
    async fn wait_for_end(&self, stream: &mut TcpStream) {
        let mut buffer = [0; 1024];
        while !matches!(stream.read(&mut buffer).await, Ok(0) | Err(_)) {}
        self.counts.closed.fetch_add(1, Relaxed);
    }
}
