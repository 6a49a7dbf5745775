//! The number of TCP segments that the kernel sent again.

use socket2::SockRef;

/// Returns how many segments of a TCP connection the kernel has sent again so far: `tcpi_total_retrans` of Linux's
/// `TCP_INFO`. Returns `None` for another socket, and on other systems.
///
/// The count stays readable after the peer has closed or reset the connection. One system call; no frame should wait for
/// it.
#[must_use]
pub fn tcp_retransmissions<'a>(socket: impl Into<SockRef<'a>>) -> Option<u32> {
    of(&socket.into())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn of(socket: &SockRef<'_>) -> Option<u32> {
    let info = nix::sys::socket::getsockopt(&**socket, linux::TcpInfo);
    info.ok().map(|info| info.total_retrans)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn of(_: &SockRef<'_>) -> Option<u32> {
    None
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    // The macro needs these names.
    use nix::{getsockopt_impl, libc, sockopt_impl};

    /// The first bytes of the kernel's `struct tcp_info`. The kernel fills as many bytes as it is asked for, and each
    /// Linux since 2.6.13 has these.
    #[derive(Clone, Copy)]
    #[repr(C)]
    #[expect(
        unreachable_pub,
        reason = "the trait of the macro is public, and has this type"
    )]
    pub struct TcpInfoStart {
        _before: [u32; 25],
        pub(super) total_retrans: u32,
    }

    // No released crate has a safe `TCP_INFO`. This macro of `nix` is made for options that `nix` lacks.
    sockopt_impl!(
        /// `TCP_INFO`, up to the count of segments that were sent again.
        TcpInfo,
        GetOnly,
        libc::IPPROTO_TCP,
        libc::TCP_INFO,
        TcpInfoStart
    );

    #[cfg(test)]
    #[test]
    fn the_count_has_the_place_that_the_kernel_gives_it() {
        let ours = std::mem::offset_of!(TcpInfoStart, total_retrans);
        let kernels = std::mem::offset_of!(libc::tcp_info, tcpi_total_retrans);
        assert_eq!(ours, kernels);
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use std::io::{self, Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    use super::*;

    fn connected() -> io::Result<(TcpStream, TcpStream)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let peer = TcpStream::connect(listener.local_addr()?)?;
        Ok((peer, listener.accept()?.0))
    }

    #[test]
    fn a_connection_without_loss_has_no_retransmissions() {
        let (_peer, stream) = connected().unwrap();
        assert_eq!(tcp_retransmissions(&stream), Some(0));
    }

    #[test]
    fn the_count_is_known_after_the_peer_has_reset_the_connection() {
        let (peer, mut stream) = connected().unwrap();
        // A close with unread bytes resets the connection.
        stream.write_all(b"unread").unwrap();
        peer.peek(&mut [0]).unwrap();
        drop(peer);
        assert!(stream.read(&mut [0]).is_err());
        assert_eq!(tcp_retransmissions(&stream), Some(0));
    }

    #[test]
    fn a_unix_socket_has_no_count() {
        let (stream, _peer) = UnixStream::pair().unwrap();
        assert_eq!(tcp_retransmissions(&stream), None);
    }
}
