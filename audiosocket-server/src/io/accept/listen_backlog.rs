use std::io;
use std::net::{Shutdown, SocketAddr};

use socket2::{SockAddr, SockRef};

/// The backlog of a listening socket, and whether the socket refuses connections at present.
///
/// On Linux, `shutdown` of the reading side makes a listening socket refuse connections. It keeps its address, and
/// `listen` makes it accept them again.
#[derive(Debug)]
pub struct ListenBacklog {
    max: i32,
    /// The backlog in the kernel. `None` while the socket refuses connections.
    current: Option<i32>,
    can_close: bool,
    /// The address of the socket, once it was closed.
    addr: Option<SockAddr>,
}

impl ListenBacklog {
    /// Returns the backlog of a socket that this process bound.
    pub(crate) fn of_own_socket(max: i32) -> Self {
        let can_close = cfg!(any(target_os = "linux", target_os = "android"));
        Self {
            max,
            current: Some(max),
            can_close,
            addr: None,
        }
    }

    /// Returns the backlog of a socket from elsewhere. It may belong to other processes too, such as systemd, so it
    /// stays open.
    pub(crate) fn of_shared_socket() -> Self {
        Self {
            max: 0,
            current: None,
            can_close: false,
            addr: None,
        }
    }

    /// Returns the backlog of a socket at `addr` that this process takes over from another one. It may refuse connections at
    /// present: [`open`](Self::open) makes it accept them.
    pub(crate) fn of_taken_socket(max: i32, addr: SocketAddr) -> Self {
        Self {
            current: None,
            addr: Some(addr.into()),
            ..Self::of_own_socket(max)
        }
    }

    /// Returns whether [`close`](Self::close) works.
    #[must_use]
    pub fn can_close(&self) -> bool {
        self.can_close
    }

    /// Makes the socket refuse connections. Resets those that wait in the kernel. Does nothing if that is not possible.
    ///
    /// # Errors
    ///
    /// The error of the system.
    pub fn close<'a>(&mut self, socket: impl Into<SockRef<'a>>) -> io::Result<()> {
        let socket = socket.into();
        if !self.can_close || self.current.is_none() {
            return Ok(());
        }
        let addr = socket.local_addr()?;
        // With `SO_REUSEADDR`, another process could take the address of a socket that does not listen.
        socket.set_reuse_address(false)?;
        socket.shutdown(Shutdown::Read)?;
        self.current = None;
        // An error means that another process took the address. Then `open` returns it.
        let _ = bind_again(&socket, &addr);
        self.addr = Some(addr);
        socket.set_reuse_address(false)
    }

    /// Makes the socket accept connections again. At most `room` connections wait in the kernel, and not more than the
    /// backlog that was set.
    ///
    /// # Errors
    ///
    /// The error of the system. `AddrInUse` if another process took the address.
    pub fn open<'a>(&mut self, socket: impl Into<SockRef<'a>>, room: usize) -> io::Result<()> {
        let socket = socket.into();
        if !self.can_close {
            return Ok(());
        }
        // One of them is accepted next. The others wait. Linux adds 1 to the backlog.
        let waiting = i32::try_from(room.saturating_sub(2)).unwrap_or(i32::MAX);
        let backlog = waiting.min(self.max);
        if self.current == Some(backlog) {
            return Ok(());
        }
        if let (None, Some(addr)) = (self.current, &self.addr) {
            bind_again(&socket, addr)?;
        }
        socket.listen(backlog)?;
        self.current = Some(backlog);
        Ok(())
    }
}

/// Binds the socket if it has lost its address: the first time that it is closed, it loses a port that the system chose.
fn bind_again(socket: &SockRef<'_>, addr: &SockAddr) -> io::Result<()> {
    // Calls of this socket have the address too.
    socket.set_reuse_address(true)?;
    match socket.bind(addr) {
        // It still has its address.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        bound => bound,
    }
}
