//! The ports for operators: the status, and the agent-check.
#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only an upgrade hands sockets over")
)]

use std::io;
use std::net::{SocketAddr, TcpListener};

use audiosocket_status::StatusServer;

use super::agent_check::AgentStop;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum OperatorPort {
    Status,
    Agent,
}

impl OperatorPort {
    const ALL: [Self; 2] = [Self::Status, Self::Agent];

    /// Returns the name in the messages between two processes.
    pub(in crate::serve) const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Agent => "agent",
        }
    }

    pub(in crate::serve) fn from_name(name: &[u8]) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|port| port.name().as_bytes() == name)
    }
}

/// Listening sockets of the process that this one replaces.
#[derive(Debug, Default)]
pub(in crate::serve) struct TakenPorts(Vec<(OperatorPort, TcpListener)>);

impl TakenPorts {
    pub(in crate::serve) fn push(&mut self, port: OperatorPort, socket: TcpListener) {
        self.0.push((port, socket));
    }

    /// Takes the socket of this port, if it listens on one of these addresses.
    fn take(&mut self, port: OperatorPort, addrs: &[SocketAddr]) -> Option<TcpListener> {
        let fits = |(of, socket): &(OperatorPort, TcpListener)| {
            let addr = socket.local_addr();
            *of == port && addr.is_ok_and(|addr| addrs.contains(&addr))
        };
        let index = self.0.iter().position(fits)?;
        Some(self.0.swap_remove(index).1)
    }
}

/// The ports that answer. Dropping it ends the answers, and frees the ports.
#[derive(Debug, Default)]
pub(in crate::serve) struct OperatorPorts {
    pub(in crate::serve) status: Option<StatusServer>,
    pub(in crate::serve) agent: Option<AgentStop>,
    /// The sockets, for the next process.
    pub(in crate::serve) sockets: Vec<(OperatorPort, TcpListener)>,
}

impl OperatorPorts {
    /// Takes the socket of the process before this one if it listens on one of `addrs`, or makes one. Keeps it for the next
    /// process.
    pub(in crate::serve) fn listen(
        &mut self,
        port: OperatorPort,
        taken: &mut TakenPorts,
        addrs: &[SocketAddr],
        bind: impl FnOnce() -> io::Result<TcpListener>,
    ) -> io::Result<TcpListener> {
        let listener = taken.take(port, addrs).map_or_else(bind, Ok)?;
        self.sockets.push((port, listener.try_clone()?));
        Ok(listener)
    }
}
