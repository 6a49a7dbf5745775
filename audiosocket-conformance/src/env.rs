use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// A running server and its clock.
pub(crate) trait Env {
    /// Connects to the server. Returns the connection and the address of the peer: `from`, or an address of this
    /// machine.
    fn connect(&self, from: Option<Ipv4Addr>) -> io::Result<(Box<dyn PeerSocket>, SocketAddr)>;

    /// Runs the server until `holds` returns true. Returns false if it never does.
    fn until(&self, holds: &dyn Fn() -> bool) -> bool;

    /// Returns the number of open connections of the server.
    fn open(&self) -> usize;

    /// Lets time pass.
    fn wait(&self, time: Duration);

    /// Returns the time since the start of the server.
    fn elapsed(&self) -> Duration;

    /// Starts an orderly shutdown.
    fn shut_down(&self, grace: Duration);

    /// Returns whether the server has returned from an orderly shutdown.
    fn has_stopped(&self) -> bool;

    /// Ends the server after all peers have closed, and waits until it has returned.
    fn finish(&self);
}

/// The peer's end of a connection. Dropping it closes the connection.
pub(crate) trait PeerSocket {
    /// Sends all of `bytes`, in one write if they fit.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Waits for at least one byte, or for the end of the stream. Returns 0 at the end.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Closes the sending side.
    fn half_close(&mut self);

    /// Closes the connection with a reset.
    fn reset(self: Box<Self>);

    /// Waits until the server has closed its end of the connection.
    fn gone(&mut self);

    /// Sends `bytes` repeatedly, without a pause, until the server has closed its end.
    fn flood(&mut self, bytes: &[u8]);

    /// Causes a fault at the server's end. Only a runner with a simulated network can do this.
    fn fail(&mut self, fault: Fault);
}

/// A fault that a case causes at the server's end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// A read fails, after the unread bytes.
    Read(io::ErrorKind),
    /// Each write fails. Reads do not.
    Write(io::ErrorKind),
    /// The task of the connection is dropped.
    Abandoned,
    /// The handler blocks.
    Blocked,
    /// The handler returns.
    Unblocked,
    /// One frame with this many bytes of audio was dropped because the handler blocked.
    Lagged(u64),
}
