//! Real sockets: the server runs in a thread, and the peers are plain `std::net::TcpStream`s.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use audiosocket_server::ServerHandle;
use socket2::{Domain, SockRef, Socket, Type};

use crate::env::{Env, Fault, PeerSocket};

/// The longest wait for a condition without a deadline of its own. A case fails after this wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// The time between two checks of a condition that cannot be waited for.
const LOOK: Duration = Duration::from_millis(1);

/// A server that listens.
pub(super) struct RunningServer {
    addr: SocketAddr,
    handle: ServerHandle,
}

impl RunningServer {
    /// A server on the first of these addresses.
    pub(super) fn new(addrs: &[SocketAddr], handle: ServerHandle) -> Self {
        let addr = addrs[0];
        Self { addr, handle }
    }
}

/// Runs a server in a thread. `run` starts the server, calls `ready`, and returns when the server
/// returns.
pub(super) fn serve(run: impl FnOnce(&dyn Fn(RunningServer)) + Send + 'static) -> Rc<dyn Env> {
    let (sender, receiver) = mpsc::channel();
    let started = Instant::now();
    let thread = thread::spawn(move || run(&|listening| sender.send(listening).unwrap()));
    let listening = receiver.recv_timeout(PATIENCE).unwrap();
    Rc::new(Sockets {
        listening,
        thread,
        started,
    })
}

struct Sockets {
    listening: RunningServer,
    thread: JoinHandle<()>,
    started: Instant,
}

impl Env for Sockets {
    fn connect(&self, from: Option<Ipv4Addr>) -> io::Result<(Box<dyn PeerSocket>, SocketAddr)> {
        let server = self.listening.addr;
        let stream = match from {
            None => TcpStream::connect(server)?,
            Some(from) => connect_from(from, server)?,
        };
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let addr = stream.local_addr()?;
        Ok((Box::new(stream), addr))
    }

    fn until(&self, holds: &dyn Fn() -> bool) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while !holds() {
            if Instant::now() > deadline {
                return false;
            }
            thread::sleep(LOOK);
        }
        true
    }

    fn open(&self) -> usize {
        self.listening.handle.calls().len()
    }

    fn wait(&self, time: Duration) {
        thread::sleep(time);
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn shut_down(&self, grace: Duration) {
        self.listening.handle.shutdown(grace);
    }

    fn has_stopped(&self) -> bool {
        self.thread.is_finished()
    }

    fn finish(&self) {
        // All peers have closed, so every connection must end.
        self.shut_down(Duration::from_secs(3600));
        assert!(
            self.until(&|| self.has_stopped()),
            "the server does not return, {} connections are open",
            self.open()
        );
        assert_eq!(
            self.open(),
            0,
            "open connections after the end of the server"
        );
    }
}

impl PeerSocket for TcpStream {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read(buffer)
    }

    fn half_close(&mut self) {
        self.shutdown(Shutdown::Write).unwrap();
    }

    fn reset(self: Box<Self>) {
        SockRef::from(&*self)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }

    fn gone(&mut self) {
        // Only a write to a closed connection shows that it is closed.
        send_until_closed(self, &[0x02, 0, 0], LOOK);
    }

    fn flood(&mut self, bytes: &[u8]) {
        send_until_closed(self, bytes, Duration::ZERO);
    }

    fn fail(&mut self, fault: Fault) {
        unimplemented!("a real socket cannot have the fault {fault:?}");
    }
}

fn connect_from(from: Ipv4Addr, server: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.connect(&server.into())?;
    Ok(socket.into())
}

fn send_until_closed(stream: &mut TcpStream, bytes: &[u8], pause: Duration) {
    let deadline = Instant::now() + PATIENCE;
    while stream.write_all(bytes).is_ok() {
        assert!(
            Instant::now() < deadline,
            "the server does not close the connection"
        );
        thread::sleep(pause);
    }
}
