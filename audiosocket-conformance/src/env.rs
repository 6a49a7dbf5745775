use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// How long anything may take that is not about time, before a case fails rather than hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A server that a case talks to, and the time that passes there.
pub(crate) trait Env {
    /// Returns a new connection and its peer's address as the server sees it: `from` if that is given,
    /// and else an address of this machine.
    fn connect(&self, from: Option<Ipv4Addr>) -> io::Result<(Box<dyn PeerSocket>, SocketAddr)>;

    /// Lets the server work until this holds. Returns false if it never does.
    fn until(&self, holds: &dyn Fn() -> bool) -> bool;

    /// How many connections the server has open.
    fn open(&self) -> usize;

    /// Lets time pass.
    fn wait(&self, time: Duration);

    /// The time since the server was started.
    fn elapsed(&self) -> Duration;

    /// Starts an orderly shutdown.
    fn shut_down(&self, grace: Duration);

    /// Whether the server has returned from an orderly shutdown.
    fn has_stopped(&self) -> bool;

    /// Ends the server, now that no peer is left, and waits until it has returned.
    fn finish(&self);
}

/// The peer's end of a connection. Dropping it closes it.
pub(crate) trait PeerSocket {
    /// Sends all of `bytes`, in one write if they fit.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Waits for at least one byte, or for the end of the stream, which is zero.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Closes the sending side.
    fn half_close(&mut self);

    /// Closes with a reset.
    fn reset(self: Box<Self>);

    /// Waits until the server has closed its end for good.
    fn gone(&mut self);

    /// Sends this again and again, without a pause, until the server has closed its end for good.
    fn flood(&mut self, bytes: &[u8]);

    /// Makes the server's end of the connection misbehave, where that can be had at will.
    fn fail(&mut self, fault: Fault);
}

/// What a system does to a server only when it likes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Reading fails, after what waits to be read.
    Read(io::ErrorKind),
    /// Every write fails; reading does not.
    Write(io::ErrorKind),
    /// The task that served the connection is dropped.
    Abandoned,
    /// The handler blocks.
    Blocked,
    /// It does so no longer.
    Unblocked,
    /// This many bytes of audio, a frame of them, were dropped while it did.
    Lagged(u64),
}
