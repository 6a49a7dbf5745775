use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Peer {
    /// The address of a TCP connection.
    Socket(SocketAddr),
    /// A name, which the application gives together with the stream: the path of a Unix socket, a TLS subject.
    Named(Arc<str>),
}

impl Peer {
    /// Returns the address of a TCP connection.
    #[must_use]
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Socket(addr) => Some(*addr),
            Self::Named(_) => None,
        }
    }
}

impl From<SocketAddr> for Peer {
    fn from(addr: SocketAddr) -> Self {
        Self::Socket(addr)
    }
}

impl From<&str> for Peer {
    fn from(name: &str) -> Self {
        Self::Named(name.into())
    }
}

impl fmt::Display for Peer {
    /// Writes the address or the name. Control characters in a name are escaped, so the text is safe for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(addr) => addr.fmt(f),
            Self::Named(name) => write!(f, "{}", name.escape_debug()),
        }
    }
}
