//! Options for a server behind a load balancer.

use std::io;
use std::net::{TcpListener, ToSocketAddrs as _};

use audiosocket_tokio::ServerHandle;
use audiosocket_tokio::admission::{Admission, AllowList};
use clap::Args;

use super::operate::agent_check::AgentCheck;
use super::operate::ports::{OperatorPort, OperatorPorts, TakenPorts};
use crate::address;

#[derive(Args, Debug)]
pub(super) struct BalancerOptions {
    /// Networks of proxies that send PROXY headers
    #[arg(long, value_name = "CIDR", help_heading = "Load balancer", hide = true)]
    proxy_protocol: Vec<AllowList>,
    /// Answer the agent-check of HAProxy on HOST:PORT
    #[arg(long, value_name = "ADDR", help_heading = "Load balancer", hide = true, value_parser = address::parse)]
    agent_listen: Option<String>,
}

impl BalancerOptions {
    pub(super) fn admission(&self, admission: Admission) -> Admission {
        if self.proxy_protocol.is_empty() {
            return admission;
        }
        let networks = self.proxy_protocol.iter().flat_map(AllowList::networks);
        admission.proxy_protocol(networks.copied().collect())
    }

    /// Listens for agent-checks.
    pub(super) fn agent_check(
        &self,
        server: ServerHandle,
        taken: &mut TakenPorts,
        ports: &mut OperatorPorts,
    ) -> io::Result<Option<AgentCheck>> {
        let Some(addr) = &self.agent_listen else {
            return Ok(None);
        };
        // Not the kind of the error: the remedies for --listen do not fit.
        let error = |error| {
            io::Error::other(format!(
                "cannot listen on {addr}: {error}; change --agent-listen"
            ))
        };
        let addrs: Vec<_> = addr.to_socket_addrs().map_err(error)?.collect();
        let bind = || TcpListener::bind(&addrs[..]);
        let listener = ports.listen(OperatorPort::Agent, taken, &addrs, bind);
        let listener = listener.map_err(error)?;
        let (agent, stop) = AgentCheck::new(listener, server).map_err(error)?;
        ports.agent = Some(stop);
        Ok(Some(agent))
    }
}
