use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// An address to listen on: an IP address or a host name, and a port.
///
/// ```
/// # use audiosocket_server::io::ListenAddr;
/// use std::net::Ipv4Addr;
///
/// let addrs: [ListenAddr; 4] = [
///     "127.0.0.1:9092".into(),
///     "localhost:9092".into(),
///     ("localhost", 9092).into(),
///     (Ipv4Addr::LOCALHOST, 9092).into(),
/// ];
/// assert_eq!(addrs[0], addrs[3]);
/// assert_eq!(addrs[1].to_string(), "localhost:9092");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListenAddr(String);

impl ListenAddr {
    /// Returns the IP address and the port. Returns `None` for a host name.
    #[must_use]
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        self.0.parse().ok()
    }

    /// Adds this address to the text of an error.
    pub(crate) fn error(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("cannot listen on {self}: {error}"))
    }
}

impl From<&str> for ListenAddr {
    fn from(addr: &str) -> Self {
        Self(addr.to_owned())
    }
}

impl From<(&str, u16)> for ListenAddr {
    fn from((host, port): (&str, u16)) -> Self {
        match host.parse::<IpAddr>() {
            Ok(ip) => (ip, port).into(),
            Err(_) => Self(format!("{host}:{port}")),
        }
    }
}

impl From<String> for ListenAddr {
    fn from(addr: String) -> Self {
        Self(addr)
    }
}

impl From<&String> for ListenAddr {
    fn from(addr: &String) -> Self {
        addr.as_str().into()
    }
}

impl From<(String, u16)> for ListenAddr {
    fn from((host, port): (String, u16)) -> Self {
        (host.as_str(), port).into()
    }
}

impl From<SocketAddr> for ListenAddr {
    fn from(addr: SocketAddr) -> Self {
        Self(addr.to_string())
    }
}

macro_rules! from_socket_addr {
    ($($type:ty),*) => { $(
        impl From<$type> for ListenAddr {
            fn from(addr: $type) -> Self {
                SocketAddr::from(addr).into()
            }
        }
    )* }
}

from_socket_addr!(
    SocketAddrV4,
    SocketAddrV6,
    (IpAddr, u16),
    (Ipv4Addr, u16),
    (Ipv6Addr, u16)
);

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
