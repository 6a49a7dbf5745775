//! How late this program is itself in reading what has come.

use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng as _;

use super::live::Live;

/// Microseconds between two probes, at least and at most: irregular, so as not to fall into step
/// with what all calls do each ptime.
const SPACING: std::ops::Range<u32> = 2_000..6_000;

/// A time in nanoseconds, as it is sent.
const STAMP_LEN: usize = 8;

/// Sends the time to the thread that runs the calls now and then, through a socket as audio comes
/// through one, and measures how late that thread reads it. So late can it be in reading audio,
/// which then is no server's doing.
///
/// Goes on until it is dropped.
pub(super) async fn measure(live: &Live) -> io::Result<()> {
    let (sender, receiver) = UnixStream::pair()?;
    receiver.set_nonblocking(true)?;
    let receiver = tokio::net::UnixStream::from_std(receiver)?;
    let start = Instant::now();
    thread::Builder::new()
        .name("probe".to_owned())
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
            live.own_delay(now.saturating_sub(sent));
        }
        let (read, rest) = (filled - rest.len(), rest.len());
        stamps.copy_within(read..filled, 0);
        filled = rest;
    }
}

/// Until nobody reads any more.
fn send(mut sender: UnixStream, start: Instant) {
    let mut rng = Pcg32::new(0, 0);
    loop {
        let spread = rng.next_u32() % (SPACING.end - SPACING.start);
        thread::sleep(Duration::from_micros((SPACING.start + spread).into()));
        let nanos = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if sender.write_all(&nanos.to_ne_bytes()).is_err() {
            return;
        }
    }
}
