//! HAProxy with the configuration of `deploy/haproxy`, and the servers behind it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use audiosocket_testing::process::{OutputStream, Process};
use serde_json::Value;

use crate::program::Server;
use crate::wait_for;

/// The number of servers in the configuration.
pub const SERVERS: usize = 3;

/// The longest time that HAProxy runs.
const LONGEST: Duration = Duration::from_secs(120);

/// A running HAProxy.
#[derive(Debug)]
pub struct HaProxy {
    process: Process,
    addr: SocketAddr,
}

/// A server behind HAProxy, and the options with which it starts again.
#[derive(Debug)]
pub struct BalancedServer {
    /// The running server.
    pub server: Server,
    agent: SocketAddr,
    status: SocketAddr,
}

impl BalancedServer {
    /// Starts the server on ports that the system chooses.
    ///
    /// # Panics
    /// If it does not listen.
    #[must_use]
    pub fn start() -> Self {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self::start_on(addr, free_addr(), free_addr())
    }

    /// Starts the server again on the same ports. The old process must have ended.
    ///
    /// # Panics
    /// If it does not listen.
    pub fn restart(&mut self) {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, self.server.port()));
        *self = Self::start_on(addr, self.agent, self.status);
    }

    /// Returns how many connections the running process has refused. Returns `None` if it has ended.
    ///
    /// # Panics
    /// If it does not answer with its summary.
    #[must_use]
    pub fn refused(&self) -> Option<u64> {
        let request = ureq::get(format!("http://{}/summary", self.status)).config();
        let mut answer = request.proxy(None).build().call().ok()?;
        let summary = answer.body_mut().read_to_vec().ok()?;
        let summary: Value = serde_json::from_slice(&summary).expect("a summary in JSON");
        let reasons = summary["refused"].as_object().expect("refusals by reason");
        Some(reasons.values().filter_map(Value::as_u64).sum())
    }

    fn start_on(addr: SocketAddr, agent: SocketAddr, status: SocketAddr) -> Self {
        let (agent_arg, status_arg) = (agent.to_string(), status.to_string());
        let options = [
            "--proxy-protocol",
            "127.0.0.1",
            "--agent-listen",
            &agent_arg,
            "--status-listen",
            &status_arg,
            // Longer than two agent-checks.
            "--drain-notice",
            "3s",
            "--drain",
            "1h",
        ];
        let server = Server::echo_at(&addr.to_string(), &options);
        Self {
            server,
            agent,
            status,
        }
    }
}

impl HaProxy {
    /// Starts HAProxy in front of `servers`.
    ///
    /// # Panics
    /// If it does not listen.
    #[must_use]
    pub fn start(servers: &[BalancedServer; SERVERS]) -> Self {
        let addr = free_addr();
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/haproxy/haproxy.cfg");
        let mut command = Command::new("haproxy");
        command
            .arg("-f")
            .arg(config)
            .arg("-db")
            .env("AUDIOSOCKET_BIND", addr.to_string())
            .stdin(Stdio::null());
        for (index, BalancedServer { server, agent, .. }) in servers.iter().enumerate() {
            let number = index + 1;
            let server = format!("127.0.0.1:{}", server.port());
            command.env(format!("AUDIOSOCKET_SERVER_{number}"), server);
            let agent = agent.port().to_string();
            command.env(format!("AUDIOSOCKET_AGENT_{number}"), agent);
        }
        let process = Process::builder(command).ready_lines(0).timeout(LONGEST);
        let haproxy = Self {
            process: process.start().expect("haproxy starts"),
            addr,
        };
        wait_for("HAProxy to listen", || TcpStream::connect(addr).ok());
        haproxy
    }

    /// Returns the port that Asterisk connects to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.addr.port()
    }

    /// Returns whether `peer` is the address of a socket of this machine that is connected to HAProxy.
    ///
    /// # Panics
    /// If the list of sockets cannot be read.
    #[must_use]
    pub fn has_client(&self, peer: SocketAddr) -> bool {
        let sockets = fs::read_to_string("/proc/net/tcp").expect("the list of sockets");
        let (from, to) = (kernel_form(peer), kernel_form(self.addr));
        sockets.lines().any(|line| {
            let mut words = line.split_whitespace().skip(1);
            words.next() == Some(&*from) && words.next() == Some(&*to)
        })
    }
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let lines = self.process.lines(OutputStream::Stdout);
            let errors = self.process.lines(OutputStream::Stderr);
            eprintln!(
                "--- HAProxy's log\n{}\n{}\n---",
                lines.join("\n"),
                errors.join("\n")
            );
        }
    }
}

/// Returns an IPv4 address as `/proc/net/tcp` has it: the bytes of the address in the order of the machine.
fn kernel_form(addr: SocketAddr) -> String {
    let SocketAddr::V4(addr) = addr else {
        panic!("{addr} is not IPv4");
    };
    let ip = u32::from_ne_bytes(addr.ip().octets());
    format!("{ip:08X}:{:04X}", addr.port())
}

/// Returns an address of this machine that is free at this moment.
fn free_addr() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("the address of a socket")
}
