//! The delay of this process when it reads.

use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng as _;

use super::stats::RunStats;

/// Microseconds between two time stamps. They are irregular, so that they do not synchronize with
/// the frames that all calls send each ptime.
const INTERVAL: std::ops::Range<u32> = 2_000..6_000;

/// The length of a time stamp: nanoseconds.
const STAMP_LEN: usize = 8;

/// Sends time stamps from a thread to this task through a socket, and measures the delay of each read. A
/// call reads audio with the same delay. The server is not the cause of this delay.
///
/// Runs until the future is dropped.
pub(super) async fn measure(stats: &RunStats) -> io::Result<()> {
    let (sender, receiver) = UnixStream::pair()?;
    receiver.set_nonblocking(true)?;
    let receiver = tokio::net::UnixStream::from_std(receiver)?;
    let start = Instant::now();
    thread::Builder::new()
        .name("self-latency".to_owned())
        .spawn(move || send(sender, start))?;
    let mut stamps = [0; 64 * STAMP_LEN];
    let mut filled = 0;
    loop {
        receiver.readable().await?;
        match receiver.try_read(&mut stamps[filled..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(len) => filled += len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        let now = start.elapsed();
        let (whole, rest) = stamps[..filled].as_chunks::<STAMP_LEN>();
        for stamp in whole {
            let sent = Duration::from_nanos(u64::from_ne_bytes(*stamp));
            stats.self_latency(now.saturating_sub(sent));
        }
        let (read, rest) = (filled - rest.len(), rest.len());
        stamps.copy_within(read..filled, 0);
        filled = rest;
    }
}

/// Sends time stamps until the receiver is closed.
fn send(mut sender: UnixStream, start: Instant) {
    let mut rng = Pcg32::new(0, 0);
    loop {
        let spread = rng.next_u32() % (INTERVAL.end - INTERVAL.start);
        thread::sleep(Duration::from_micros((INTERVAL.start + spread).into()));
        let nanos = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if sender.write_all(&nanos.to_ne_bytes()).is_err() {
            return;
        }
    }
}
