use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// Who is at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Peer {
    /// The address of a TCP connection.
    Socket(SocketAddr),
    /// A name that whoever opened the stream gave it: a Unix socket's path, a TLS subject.
    Named(Arc<str>),
}

impl Peer {
    /// The TCP address, if it is one.
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
    /// Fit for a log: control characters in a name are escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(addr) => addr.fmt(f),
            Self::Named(name) => write!(f, "{}", name.escape_debug()),
        }
    }
}
