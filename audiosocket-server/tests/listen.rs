//! The sockets that `ListenOptions` opens.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use audiosocket_server::io::{BoundSockets, Keepalive, ListenOptions, ListeningSocket};
use socket2::{Domain, SockRef, Socket, Type};

/// The default options, with these addresses.
fn bind<const N: usize>(addrs: [&str; N]) -> ListenOptions {
    let mut options = ListenOptions::default();
    options.addrs = addrs.map(Into::into).into();
    options
}

fn listen(options: ListenOptions) -> io::Result<BoundSockets> {
    options.listen_blocking()
}

#[test]
fn every_address_gets_its_socket_in_order() {
    let ready = TcpListener::bind("127.0.0.1:0").unwrap();
    let ready_addr = ready.local_addr().unwrap();
    let mut options = bind(["127.0.0.1:0", "[::1]:0"]);
    options.listeners.push(ready);
    let listening = listen(options).unwrap();

    let addrs = &listening.local_addrs;
    assert_eq!(addrs.len(), 3);
    assert_eq!(addrs[0], ready_addr, "ready sockets come first");
    assert_eq!(addrs[1].ip(), Ipv4Addr::LOCALHOST);
    assert_eq!(addrs[2].ip(), Ipv6Addr::LOCALHOST);
    assert!(addrs.iter().all(|addr| addr.port() != 0));
    for (listener, addr) in listening.listeners.iter().zip(addrs) {
        let mut client = TcpStream::connect(addr).unwrap();
        let (mut server, peer) = accept(&listener.socket);
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
    let first = listen(bind(["0.0.0.0:0"])).unwrap();
    let port = first.local_addrs[0].port();
    let second = listen(bind([&format!("[::]:{port}")])).unwrap();
    assert_eq!(second.local_addrs[0].port(), port);
}

#[test]
fn an_address_is_taken_once_unless_the_port_is_shared() {
    let shared = |addr: &str| {
        let mut options = bind([addr]);
        options.reuse_port = true;
        listen(options).unwrap()
    };
    let first = shared("127.0.0.1:0");
    let addr = first.local_addrs[0].to_string();
    assert_eq!(shared(&addr).local_addrs, first.local_addrs);

    let error = listen(bind([&addr])).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    let expected = format!("cannot listen on {addr}: ");
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[test]
fn a_name_is_resolved_and_errors_contain_it() {
    let sockets = listen(bind(["localhost:0"])).unwrap();
    assert!(sockets.local_addrs[0].ip().is_loopback());

    let error = listen(bind(["127.0.0.1"])).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    let error = error.to_string();
    assert!(error.starts_with("cannot listen on 127.0.0.1: "), "{error}");
    let error = listen(bind(["nohost.invalid:9092"])).unwrap_err();
    let error = error.to_string();
    assert!(
        error.starts_with("cannot listen on nohost.invalid:9092: "),
        "{error}"
    );
}

#[test]
fn a_server_without_an_address_is_an_error() {
    let error = listen(ListenOptions::default()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert_eq!(
        error.to_string(),
        "no address to listen on: add one with `bind`"
    );
}

/// Calls keep the address in use. The first time, the kernel takes back a port that it chose.
#[test]
#[cfg(target_os = "linux")]
fn a_closed_socket_refuses_connections_and_keeps_its_address() {
    let mut listening = listen(bind(["127.0.0.1:0"])).unwrap();
    let addr = listening.local_addrs[0];
    let ListeningSocket {
        socket, backlog, ..
    } = &mut listening.listeners[0];
    let mut calls = Vec::new();
    for _ in 0..3 {
        let mut client = TcpStream::connect(addr).unwrap();
        let (server, _) = accept(socket);
        client.write_all(b"?").unwrap();
        backlog.close(&*socket).unwrap();
        let refused = TcpStream::connect(addr).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        calls.push((client, server));
        backlog.open(&*socket, 10).unwrap();
        assert_eq!(socket.local_addr().unwrap(), addr);
    }
    backlog.close(&*socket).unwrap();
    let taken = listen(bind([&addr.to_string()])).unwrap_err();
    assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    for (_, server) in &mut calls {
        server.set_nonblocking(false).unwrap();
        let mut byte = [0];
        server.read_exact(&mut byte).unwrap();
    }
}

/// Otherwise the kernel would accept more connections than the server has places for, and these would be lost.
#[test]
#[cfg(target_os = "linux")]
fn the_backlog_is_the_number_of_places_without_the_one_that_is_accepted_next() {
    let mut listening = listen(bind(["127.0.0.1:0"])).unwrap();
    let addr = listening.local_addrs[0];
    let ListeningSocket {
        socket, backlog, ..
    } = &mut listening.listeners[0];
    for (room, waiting) in [(1, 1), (2, 1), (4, 3)] {
        backlog.open(&*socket, room).unwrap();
        let connected: Vec<_> = (0..waiting)
            .map(|_| TcpStream::connect(addr).unwrap())
            .collect();
        let dropped = TcpStream::connect_timeout(&addr, Duration::from_millis(50)).unwrap_err();
        assert_eq!(dropped.kind(), io::ErrorKind::TimedOut, "room for {room}");
        for _ in &connected {
            accept(socket);
        }
    }
}

/// It may belong to other processes too, such as systemd.
#[test]
fn a_socket_from_elsewhere_stays_open() {
    let mut options = ListenOptions::default();
    options
        .listeners
        .push(TcpListener::bind("127.0.0.1:0").unwrap());
    let mut listening = listen(options).unwrap();
    let ListeningSocket {
        socket, backlog, ..
    } = &mut listening.listeners[0];
    assert!(!backlog.can_close());
    backlog.close(&*socket).unwrap();
    backlog.open(&*socket, 1).unwrap();
    TcpStream::connect(listening.local_addrs[0]).unwrap();
}

#[test]
fn accepted_connections_have_nodelay_and_keepalive() {
    let keepalive = Keepalive::new()
        .time(Duration::from_secs(7))
        .interval(Duration::from_secs(3))
        .retries(2)
        .user_timeout(Some(Duration::from_secs(11)));
    let mut options = bind(["127.0.0.1:0"]);
    options.tcp.keepalive = Some(keepalive);
    let listening = listen(options).unwrap();
    let _client = TcpStream::connect(listening.local_addrs[0]).unwrap();
    let (server, _) = accept(&listening.listeners[0].socket);
    assert!(
        !server.nodelay().unwrap(),
        "the default must differ for this test"
    );

    listening.tcp.apply(&SockRef::from(&server)).unwrap();
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

/// With its own setting, a kernel takes megabytes for a peer that does not read.
#[test]
#[cfg(target_os = "linux")]
fn the_send_buffer_limits_the_bytes_for_a_peer_that_does_not_read() {
    const DEFAULT: usize = 128 * 1024;
    let taken = |send_buffer| {
        let mut options = bind(["127.0.0.1:0"]);
        options.tcp.send_buffer = send_buffer;
        let listening = listen(options).unwrap();
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        client.set_recv_buffer_size(1).unwrap();
        client.connect(&listening.local_addrs[0].into()).unwrap();
        let (mut server, _) = accept(&listening.listeners[0].socket);
        listening.tcp.apply(&SockRef::from(&server)).unwrap();
        server.set_nonblocking(true).unwrap();
        // Frames of 20 ms at 8 kHz. For these, the own data of the kernel is largest.
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

    let default = taken(ListenOptions::default().tcp.send_buffer);
    assert!((DEFAULT / 2..3 * DEFAULT).contains(&default), "{default}");
    let small = taken(Some(16 * 1024));
    assert!(small < DEFAULT / 2, "{small}");
    let system = taken(None);
    assert!(
        system > 3 * DEFAULT,
        "{system}: the default of the system must be larger for this test"
    );
}

/// Otherwise each accepted connection would fail later.
#[test]
#[cfg(target_os = "linux")]
fn a_keepalive_that_the_system_refuses_is_an_error_of_listen() {
    for time in [Duration::from_millis(500), Duration::from_secs(10 * 3600)] {
        let mut options = bind(["127.0.0.1:0"]);
        options.tcp.keepalive = Some(Keepalive::new().time(time));
        let error = listen(options).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the system refused the keepalive times"),
            "{error}"
        );
    }
}

#[test]
fn keepalive_can_be_left_to_the_system() {
    let mut options = bind(["127.0.0.1:0"]);
    options.tcp.keepalive = None;
    let listening = listen(options).unwrap();
    let _client = TcpStream::connect(listening.local_addrs[0]).unwrap();
    let (server, _) = accept(&listening.listeners[0].socket);
    listening.tcp.apply(&SockRef::from(&server)).unwrap();
    assert!(server.nodelay().unwrap());
    assert!(!SockRef::from(&server).keepalive().unwrap());
}

/// Accepts from a non-blocking listener, to which a client has connected already.
fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    listener.set_nonblocking(false).unwrap();
    listener.accept().unwrap()
}
