//! Sockets as `ServerOptions` opens them, looked at from outside.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use audiosocket_server::io::{Keepalive, ServerOptions};
use socket2::{Domain, SockRef, Socket, Type};

#[test]
fn every_address_gets_its_socket_in_order() {
    let ready = TcpListener::bind("127.0.0.1:0").unwrap();
    let ready_addr = ready.local_addr().unwrap();
    let options = ServerOptions::new()
        .bind("127.0.0.1:0")
        .bind("[::1]:0")
        .listener(ready);
    let listening = options.listen().unwrap();

    let addrs = &listening.local_addrs;
    assert_eq!(addrs.len(), 3);
    assert_eq!(addrs[0], ready_addr, "ready sockets come first");
    assert_eq!(addrs[1].ip(), Ipv4Addr::LOCALHOST);
    assert_eq!(addrs[2].ip(), Ipv6Addr::LOCALHOST);
    assert!(addrs.iter().all(|addr| addr.port() != 0));
    for (listener, addr) in listening.listeners.iter().zip(addrs) {
        let mut client = TcpStream::connect(addr).unwrap();
        let (mut server, peer) = accept(listener);
        assert_eq!(peer, client.local_addr().unwrap());
        client.write_all(b"?").unwrap();
        server.set_nonblocking(false).unwrap();
        let mut byte = [0];
        server.read_exact(&mut byte).unwrap();
        assert_eq!(byte, *b"?");
    }
}

#[test]
fn ipv4_and_ipv6_wildcards_share_a_port() {
    let first = ServerOptions::new().bind("0.0.0.0:0").listen().unwrap();
    let port = first.local_addrs[0].port();
    let second = ServerOptions::new()
        .bind((Ipv6Addr::UNSPECIFIED, port))
        .listen()
        .unwrap();
    assert_eq!(second.local_addrs[0].port(), port);
}

#[test]
fn an_address_is_taken_once_unless_the_port_is_shared() {
    let first = ServerOptions::new()
        .bind("127.0.0.1:0")
        .reuse_port(true)
        .listen()
        .unwrap();
    let addr = first.local_addrs[0];
    let shared = ServerOptions::new()
        .bind(addr)
        .reuse_port(true)
        .listen()
        .unwrap();
    assert_eq!(shared.local_addrs, first.local_addrs);

    let error = ServerOptions::new().bind(addr).listen().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(
        error.to_string().contains(&addr.to_string()),
        "names the address: {error}"
    );
}

#[test]
fn what_cannot_be_resolved_or_is_missing_is_told() {
    let error = ServerOptions::new().bind("127.0.0.1").listen().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    let error = ServerOptions::new().listen().unwrap_err();
    assert_eq!(error.to_string(), "no address to listen on");
}

#[test]
fn accepted_connections_send_at_once_and_are_watched() {
    let mut keepalive = Keepalive::default();
    keepalive.time = Duration::from_secs(7);
    keepalive.interval = Duration::from_secs(3);
    keepalive.retries = 2;
    keepalive.user_timeout = Some(Duration::from_secs(11));
    let options = ServerOptions::new()
        .bind("127.0.0.1:0")
        .keepalive(Some(keepalive));
    let listening = options.listen().unwrap();
    let _client = TcpStream::connect(listening.local_addrs[0]).unwrap();
    let (server, _) = accept(&listening.listeners[0]);
    assert!(!server.nodelay().unwrap(), "would prove nothing");

    listening.prepare(&SockRef::from(&server)).unwrap();
    assert!(server.nodelay().unwrap());
    let socket = SockRef::from(&server);
    assert!(socket.keepalive().unwrap());
    assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(7));
    assert_eq!(
        socket.tcp_keepalive_interval().unwrap(),
        Duration::from_secs(3)
    );
    assert_eq!(socket.tcp_keepalive_retries().unwrap(), 2);
    #[cfg(target_os = "linux")]
    assert_eq!(
        socket.tcp_user_timeout().unwrap(),
        Some(Duration::from_secs(11))
    );
}

/// By itself a kernel takes megabytes for a peer that reads nothing.
#[test]
#[cfg(target_os = "linux")]
fn what_the_kernel_takes_for_a_peer_that_does_not_read_is_bounded() {
    const DEFAULT: usize = 128 * 1024;
    let taken = |options: ServerOptions| {
        let listening = options.bind("127.0.0.1:0").listen().unwrap();
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        client.set_recv_buffer_size(1).unwrap();
        client.connect(&listening.local_addrs[0].into()).unwrap();
        let (mut server, _) = accept(&listening.listeners[0]);
        listening.prepare(&SockRef::from(&server)).unwrap();
        server.set_nonblocking(true).unwrap();
        // As 20 ms frames of 8 kHz leave, which is what the kernel's bookkeeping is the largest part of.
        let mut taken = 0;
        loop {
            match server.write(&[0; 323]) {
                Ok(bytes) => taken += bytes,
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    break taken;
                }
            }
        }
    };

    let default = taken(ServerOptions::new());
    assert!((DEFAULT / 2..3 * DEFAULT).contains(&default), "{default}");
    let small = taken(ServerOptions::new().send_buffer(Some(16 * 1024)));
    assert!(small < DEFAULT / 2, "{small}");
    let systems = taken(ServerOptions::new().send_buffer(None));
    assert!(systems > 3 * DEFAULT, "{systems}: would prove nothing");
}

/// Rather than on every connection that is accepted later.
#[test]
#[cfg(target_os = "linux")]
fn a_keepalive_that_the_system_does_not_take_is_told_at_once() {
    for time in [Duration::from_millis(500), Duration::from_secs(10 * 3600)] {
        let mut keepalive = Keepalive::default();
        keepalive.time = time;
        let options = ServerOptions::new()
            .bind("127.0.0.1:0")
            .keepalive(Some(keepalive));
        let error = options.listen().unwrap_err();
        assert!(error.to_string().starts_with("keepalive: "), "{error}");
    }
}

#[test]
fn keepalive_can_be_left_to_the_system() {
    let listening = ServerOptions::new()
        .bind("127.0.0.1:0")
        .keepalive(None)
        .listen()
        .unwrap();
    let _client = TcpStream::connect(listening.local_addrs[0]).unwrap();
    let (server, _) = accept(&listening.listeners[0]);
    listening.prepare(&SockRef::from(&server)).unwrap();
    assert!(server.nodelay().unwrap());
    assert!(!SockRef::from(&server).keepalive().unwrap());
}

/// Accepts from a non-blocking listener, to which a client has connected already.
fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    listener.set_nonblocking(false).unwrap();
    listener.accept().unwrap()
}

#[test]
#[cfg(any(target_os = "linux", target_os = "android"))]
fn a_wake_interval_is_more_than_nothing_and_less_than_half_a_ptime() {
    let listen = |interval| {
        let options = ServerOptions::new().bind("127.0.0.1:0");
        options.wake_interval(Some(interval)).listen()
    };
    for interval in [Duration::ZERO, Duration::from_millis(10)] {
        let error = listen(interval).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{interval:?}");
    }
    for interval in [Duration::from_nanos(1), Duration::from_nanos(9_999_999)] {
        assert_eq!(listen(interval).unwrap().wake_interval, Some(interval));
    }
}
