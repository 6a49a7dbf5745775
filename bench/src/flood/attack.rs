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

use super::deaf::{Deaf, Talker};
use crate::cores::Cores;

/// The number of attackers of each kind.
struct Size {
    /// Attackers that send nothing.
    silent: u64,
    /// Attackers that send one byte per second.
    drip: u64,
    /// Attackers that call, send audio and read nothing.
    deaf: u64,
    /// Attackers that call and never finish a frame.
    cut: u64,
    /// Connections per second that are reset at once.
    resets: u32,
}

const SIZE: Size = Size {
    silent: 5_000,
    drip: 1_000,
    deaf: 200,
    cut: 50,
    resets: 500,
};

const SMALL: Size = Size {
    silent: 50,
    drip: 10,
    deaf: 5,
    cut: 5,
    resets: 20,
};

/// The milliseconds from the end of a connection by the server until its attacker connects again. They are short
/// compared with the five seconds of a connection, so that nearly all attackers are connected.
const PAUSE: Range<u32> = 100..500;

/// [`PAUSE`] for attackers that the server may refuse at once. With [`PAUSE`] they would be a storm of connects, which
/// is another kind of attack.
const LONG_PAUSE: Range<u32> = 2_000..10_000;

/// The time in which all attackers start. Thousands of packets at the same time would take the callers'
/// core, not the server's.
const BEGINNING: Duration = Duration::from_secs(1);

const DRIP: Duration = Duration::from_secs(1);

const UUID: &[u8; 19] = b"\x01\x00\x10of an attacker !";

/// The longest frame without its end.
static CUT: [u8; 65_500] = {
    let mut frame = [0; 65_500];
    (frame[0], frame[1], frame[2]) = (0x10, 0xff, 0xff);
    frame
};

/// A running attack.
pub(super) struct Attack {
    stop: oneshot::Sender<()>,
    thread: thread::JoinHandle<io::Result<()>>,
    counts: Arc<Counts>,
    size: Size,
    began: Instant,
}

/// The connections of an attack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connects {
    pub(super) made: u64,
    /// Closed by the server.
    pub(super) closed: u64,
    pub(super) failed: u64,
    /// The median of the connections at the same time.
    pub(super) at_once: f64,
    /// The part of the attackers that is missing in `at_once`.
    pub(super) at_once_short: f64,
    /// The part of the planned resets that was not made.
    pub(super) resets_short: f64,
}

#[derive(Debug, Default)]
struct Counts {
    made: AtomicU64,
    closed: AtomicU64,
    failed: AtomicU64,
    resets: AtomicU64,
    /// Connections of attackers that stay connected.
    open: AtomicU64,
}

impl Attack {
    /// Starts all attackers on the callers' core. They have the lowest priority, so that they do not
    /// delay the good callers.
    pub(super) fn begin(server: SocketAddr, small: bool, cores: &Cores) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let counts = Arc::new(Counts::default());
        let size = if small { SMALL } else { SIZE };
        let counted = Arc::clone(&counts);
        let attack = move || {
            setpriority_process(None, 19)?;
            let talker = Talker::start(size.deaf)?;
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
                    // No address reaches its limit.
                    let address = 10 + (number / 1_000) as u8;
                    tokio::spawn(attacker(address, number).be_silent(PAUSE));
                }
                for number in 0..size.silent / 4 {
                    // This address reaches its limit.
                    tokio::spawn(attacker(2, number).be_silent(LONG_PAUSE));
                }
                for number in 0..size.drip {
                    tokio::spawn(attacker(6, number).drip());
                }
                for number in 0..size.deaf {
                    tokio::spawn(attacker(7, number).be_deaf(talker.deaf()));
                }
                for number in 0..size.cut {
                    tokio::spawn(attacker(9, number).cut_a_frame());
                }
                tokio::spawn(attacker(8, 0).reset(size.resets));
                let _ = stopped.await;
            });
            // The runtime ends all connections except those of deaf calls.
            drop(runtime);
            talker.end()
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
            size,
            began: Instant::now(),
        })
    }

    /// The number of connections of attackers that stay connected.
    pub(super) fn open(&self) -> u64 {
        self.counts.open.load(Relaxed)
    }

    /// Ends the attack. `open` are results of [`open`](Self::open).
    pub(super) fn end(self, mut open: Vec<u64>) -> io::Result<Connects> {
        let resets = self.began.elapsed().as_secs_f64() * f64::from(self.size.resets);
        let _ = self.stop.send(());
        let ended = self.thread.join();
        ended.unwrap_or_else(|_| Err(io::Error::other("the attack panicked")))?;
        let [made, closed, failed] = [&self.counts.made, &self.counts.closed, &self.counts.failed]
            .map(|count| count.load(Relaxed));
        open.sort_unstable();
        let at_once = open.get(open.len() / 2).copied().unwrap_or(0) as f64;
        let Size {
            silent,
            drip,
            deaf,
            cut,
            ..
        } = self.size;
        let meant = (silent + drip + deaf + cut) as f64;
        Ok(Connects {
            at_once,
            at_once_short: (1.0 - at_once / meant).max(0.0),
            made,
            closed,
            failed,
            resets_short: 1.0 - self.counts.resets.load(Relaxed) as f64 / resets,
        })
    }
}

/// An attacker, which connects repeatedly.
#[derive(Clone)]
struct Attacker {
    server: SocketAddr,
    /// The last byte of its address.
    address: u8,
    random: Pcg32,
    counts: Arc<Counts>,
}

impl Attacker {
    async fn be_silent(mut self, pause: Range<u32>) {
        self.desynchronize(BEGINNING).await;
        loop {
            let mut connected = self.connect(None).await;
            if let Ok(stream) = &mut connected {
                // An attacker that the server may refuse does not stay connected.
                let _open = (pause == PAUSE).then(|| self.stay());
                self.wait_for_end(stream).await;
            }
            self.pause(&pause).await;
        }
    }

    async fn drip(mut self) {
        self.desynchronize(BEGINNING).await;
        loop {
            let mut connected = self.connect(None).await;
            if let Ok(stream) = &mut connected {
                let _open = self.stay();
                self.desynchronize(DRIP).await;
                for byte in UUID {
                    let dripped = stream.write_all(&[*byte]).await;
                    let quiet = timeout(DRIP, self.wait_for_end(stream)).await;
                    if dripped.is_err() || quiet.is_ok() {
                        break;
                    }
                }
            }
            self.pause(&PAUSE).await;
        }
    }

    async fn be_deaf(mut self, deaf: Deaf) {
        self.desynchronize(BEGINNING).await;
        loop {
            // The smallest buffer of the kernel, which is full soon.
            let connected = self.connect(Some(1)).await;
            if let Ok(mut stream) = connected {
                let _open = self.stay();
                if stream.write_all(UUID).await.is_ok() {
                    // The call talks until the server ends it.
                    deaf.talk(stream).await;
                }
                self.counts.closed.fetch_add(1, Relaxed);
            }
            self.pause(&PAUSE).await;
        }
    }

    async fn cut_a_frame(mut self) {
        self.desynchronize(BEGINNING).await;
        loop {
            let mut connected = self.connect(None).await;
            if let Ok(stream) = &mut connected {
                let _open = self.stay();
                let sent = stream.write_all(UUID).await;
                if sent.is_ok() && stream.write_all(&CUT).await.is_ok() {
                    self.wait_for_end(stream).await;
                }
            }
            self.pause(&PAUSE).await;
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

    async fn pause(&mut self, pause: &Range<u32>) {
        let spread = self.random.next_u32() % (pause.end - pause.start);
        sleep(Duration::from_millis((pause.start + spread).into())).await;
    }

    /// Waits for a random part of `period`, so that attackers do not send at the same time.
    async fn desynchronize(&mut self, period: Duration) {
        let period = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
        self.pause(&(0..period)).await;
    }

    /// Counts a connection until the result is dropped.
    fn stay(&self) -> Open {
        self.counts.open.fetch_add(1, Relaxed);
        Open(Arc::clone(&self.counts))
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

    /// Reads until the server ends the connection. Cancel safe.
    async fn wait_for_end(&self, stream: &mut TcpStream) {
        let mut buffer = [0; 1024];
        while !matches!(stream.read(&mut buffer).await, Ok(0) | Err(_)) {}
        self.counts.closed.fetch_add(1, Relaxed);
    }
}

struct Open(Arc<Counts>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}
