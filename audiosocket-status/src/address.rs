//! The address of the status server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs as _};

/// Listens on `HOST:PORT`, or for `PORT` and `:PORT` on the loopback address.
pub(crate) fn listen(addr: &str) -> io::Result<TcpListener> {
    let listener = resolve(addr).and_then(|addrs| TcpListener::bind(&addrs[..]));
    listener.map_err(|error| {
        let text = format!("the status server cannot listen on {addr:?}: {error}; use PORT, :PORT or HOST:PORT, and a port that is free");
        io::Error::new(error.kind(), text)
    })
}

fn resolve(addr: &str) -> io::Result<Vec<SocketAddr>> {
    let port = addr.strip_prefix(':').unwrap_or(addr);
    if let Ok(port) = port.parse() {
        return Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))]);
    }
    Ok(addr.to_socket_addrs()?.collect())
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
    fn an_error_has_the_address_and_the_remedy() {
        for addr in ["", "65536", "127.0.0.1", "127.0.0.1:", "192.0.2.1:1"] {
            let error = listen(addr).unwrap_err().to_string();
            assert!(error.contains(&format!("{addr:?}")), "{error}");
            assert!(error.contains("use PORT, :PORT or HOST:PORT"), "{error}");
        }
    }
}
