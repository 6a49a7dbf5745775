//! The address of the status server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs as _};

/// Listens on `HOST:PORT`, or for `PORT` and `:PORT` on the loopback address, as
/// [`StatusServer::start`](crate::StatusServer::start) does.
///
/// # Errors
///
/// If the name cannot be resolved, or none of its addresses can be used. The error has the address.
pub fn listen(addr: &str) -> io::Result<TcpListener> {
    let listener = resolve(addr).and_then(|addrs| TcpListener::bind(&addrs[..]));
    listener.map_err(|error| {
        let text = format!("the status server cannot listen on {addr:?}: {error}; use PORT, :PORT or HOST:PORT, and a port that is free");
        io::Error::new(error.kind(), text)
    })
}

fn resolve(addr: &str) -> io::Result<Vec<SocketAddr>> {
    Ok(with_host(addr).to_socket_addrs()?.collect())
}

/// Returns `HOST:PORT` for `PORT`, `:PORT` or `HOST:PORT`. Without a host, it is the loopback address. Servers and clients of
/// the status agree by this.
#[must_use]
pub fn with_host(addr: &str) -> String {
    let port = addr.strip_prefix(':').unwrap_or(addr);
    match port.parse::<u16>() {
        Ok(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string(),
        Err(_) => addr.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_on_the_loopback_address() {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 9100));
        assert_eq!(resolve("9100").unwrap(), [loopback]);
        assert_eq!(resolve(":9100").unwrap(), [loopback]);
        assert_eq!(
            resolve("0.0.0.0:1").unwrap(),
            ["0.0.0.0:1".parse().unwrap()]
        );
        assert_eq!(resolve("[::1]:1").unwrap(), ["[::1]:1".parse().unwrap()]);
    }

    #[test]
    fn an_address_without_a_host_gets_the_loopback_address() {
        for (addr, full) in [
            ("9100", "127.0.0.1:9100"),
            (":9100", "127.0.0.1:9100"),
            ("[::1]:9100", "[::1]:9100"),
            ("server.example:9100", "server.example:9100"),
        ] {
            assert_eq!(with_host(addr), full);
        }
    }

    #[test]
    fn an_error_has_the_address_and_the_remedy() {
        for addr in ["", "65536", "127.0.0.1", "127.0.0.1:", "192.0.2.1:1"] {
            let error = listen(addr).unwrap_err().to_string();
            assert!(error.contains(&format!("{addr:?}")), "{error}");
            assert!(error.contains("use PORT, :PORT or HOST:PORT"), "{error}");
        }
    }
}
