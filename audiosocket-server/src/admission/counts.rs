use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use crate::{LimitReached, Limits, Peer, WhenFull};

/// Counters of the connections that a server has admitted and refused since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct CallCounters {
    /// All connections, refused ones included.
    pub connections: u64,
    /// Connections that became calls: they sent a UUID, and the acceptor accepted them.
    pub started: u64,
    /// Connections refused because of their peer or their UUID, by the [`Admission`](crate::Admission) or the acceptor.
    pub refused: u64,
    /// Connections refused by [`Limits::max_calls`].
    pub over_max_calls: u64,
    /// Connections refused by [`Limits::max_pending`].
    pub over_max_pending: u64,
    /// Connections refused by [`Limits::max_pending_per_addr`].
    pub over_max_pending_per_addr: u64,
    /// Connections refused while the application [refused calls](crate::Calls::refuse_calls).
    pub while_refusing: u64,
    /// Connections refused while [memory was short](crate::LimitReached::Memory).
    pub while_memory_short: u64,
    /// Connections refused because of the header of their proxy: see [`Exception::ProxyHeader`](crate::Exception::ProxyHeader).
    pub bad_proxy_headers: u64,
    /// How often the server became full and closed its listeners: see [`WhenFull::Refuse`]. The kernel refuses
    /// connections then, and does not count them.
    pub times_full: u64,
}

/// Counts connections, and compares them with the limits.
#[derive(Debug, Default)]
pub(crate) struct ConnectionCounts {
    limits: Limits,
    pub(crate) refusing: bool,
    pub(crate) memory_short: bool,
    /// How many connections the descriptors suffice for. `None` if nothing measures them.
    pub(crate) descriptors: Option<usize>,
    pub(crate) counters: CallCounters,
    /// `Pending` connections and calls.
    admitted: usize,
    pending: usize,
    /// The number for each address with pending connections. So it has at most `pending` entries.
    pending_from: HashMap<IpAddr, usize>,
}

/// The state of a connection for the counts and limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionClass {
    /// The UUID has not arrived.
    Pending,
    /// The same, and the address of the client has not arrived. Counts for no address.
    PendingClient,
    Call,
    /// The call is over, and its connection is open for the linger time. Counts against no limit.
    Ended,
    /// The connection was refused, and is open for the linger time. Counts against no limit.
    Refused,
}

/// The decision about the peer of a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerDecision {
    Admitted,
    Refused,
    /// The peer is a proxy. The decision is about its client, whose address comes later.
    Awaited,
}

impl ConnectionCounts {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Returns why there is no place for another connection.
    pub(crate) fn full(&self) -> Option<LimitReached> {
        if self.refusing {
            Some(LimitReached::Refusing)
        } else if self.memory_short {
            Some(LimitReached::Memory)
        } else if self.admitted >= self.limits.max_calls {
            Some(LimitReached::Calls)
        } else if self.descriptors == Some(0) {
            Some(LimitReached::Descriptors)
        } else {
            None
        }
    }

    /// Returns how many connections to accept at most. Without a limit for a server that hangs up when it is full.
    pub(crate) fn room(&self) -> usize {
        if self.limits.when_full == WhenFull::HangUp {
            return usize::MAX;
        }
        if self.full().is_some() {
            return 0;
        }
        let places = self.limits.max_calls - self.admitted;
        places.min(self.descriptors.unwrap_or(usize::MAX))
    }

    /// Counts a new connection.
    pub(crate) fn enter(
        &mut self,
        peer: &Peer,
        decision: PeerDecision,
    ) -> Result<ConnectionClass, LimitReached> {
        self.counters.connections += 1;
        let (source, class) = match decision {
            PeerDecision::Admitted => (source(peer), ConnectionClass::Pending),
            PeerDecision::Awaited => (None, ConnectionClass::PendingClient),
            PeerDecision::Refused => {
                self.counters.refused += 1;
                return Ok(ConnectionClass::Refused);
            }
        };
        if let Err(limit) = self.check(source) {
            *self.counters.refused_by(limit) += 1;
            return Err(limit);
        }
        self.admitted += 1;
        self.pending += 1;
        if let Some(source) = source {
            *self.pending_from.entry(source).or_default() += 1;
        }
        Ok(class)
    }

    /// Notes that the address of a client has arrived, and whether the client was admitted.
    pub(crate) fn client_arrived(
        &mut self,
        client: &Peer,
        class: &mut ConnectionClass,
        admitted: bool,
    ) -> Result<(), LimitReached> {
        let source = source(client);
        let result = if !admitted {
            self.counters.refused += 1;
            Ok(())
        } else if self.has_too_many_pending(source) {
            self.counters.over_max_pending_per_addr += 1;
            Err(LimitReached::PendingFromAddr)
        } else {
            if let Some(source) = source {
                *self.pending_from.entry(source).or_default() += 1;
            }
            *class = ConnectionClass::Pending;
            return Ok(());
        };
        self.release(client, *class);
        *class = ConnectionClass::Refused;
        result
    }

    /// Returns how many connections count against `max_calls`.
    pub(crate) fn admitted(&self) -> usize {
        self.admitted
    }

    /// Notes that the connection sent its UUID, and that the call was accepted or refused.
    pub(crate) fn identify(&mut self, peer: &Peer, class: &mut ConnectionClass, accepted: bool) {
        if accepted {
            self.counters.started += 1;
            self.end_pending(peer, *class);
            *class = ConnectionClass::Call;
        } else {
            self.counters.refused += 1;
            self.release(peer, *class);
            *class = ConnectionClass::Refused;
        }
    }

    /// Removes the connection from the counts.
    pub(crate) fn release(&mut self, peer: &Peer, class: ConnectionClass) {
        match class {
            ConnectionClass::Ended | ConnectionClass::Refused => return,
            _ => self.end_pending(peer, class),
        }
        self.admitted -= 1;
    }

    fn check(&self, source: Option<IpAddr>) -> Result<(), LimitReached> {
        let limits = self.limits;
        let full = self.full();
        if let Some(limit) = full.filter(|limit| *limit != LimitReached::Descriptors) {
            Err(limit)
        } else if self.pending >= limits.max_pending {
            Err(LimitReached::Pending)
        } else if self.has_too_many_pending(source) {
            Err(LimitReached::PendingFromAddr)
        } else {
            Ok(())
        }
    }

    fn has_too_many_pending(&self, source: Option<IpAddr>) -> bool {
        source.is_some_and(|source| {
            let pending = self.pending_from.get(&source).copied().unwrap_or_default();
            pending >= self.limits.max_pending_per_addr
        })
    }

    /// Does nothing for a call.
    fn end_pending(&mut self, peer: &Peer, class: ConnectionClass) {
        let source = match class {
            ConnectionClass::Pending => source(peer),
            ConnectionClass::PendingClient => None,
            _ => return,
        };
        self.pending -= 1;
        if let Some(source) = source
            && let Some(count) = self.pending_from.get_mut(&source)
        {
            *count -= 1;
            if *count == 0 {
                self.pending_from.remove(&source);
            }
        }
    }
}

impl CallCounters {
    /// Returns the numbers of refused connections, each with the reason. Connections that the kernel refused are not among
    /// them.
    #[must_use]
    pub fn refusals(&self) -> [(&'static str, u64); 6] {
        let pending = self.over_max_pending + self.over_max_pending_per_addr;
        [
            ("admission", self.refused),
            ("proxy_header", self.bad_proxy_headers),
            ("max_calls", self.over_max_calls),
            ("max_pending", pending),
            ("memory", self.while_memory_short),
            ("refusing", self.while_refusing),
        ]
    }

    fn refused_by(&mut self, limit: LimitReached) -> &mut u64 {
        match limit {
            LimitReached::Calls => &mut self.over_max_calls,
            LimitReached::Pending => &mut self.over_max_pending,
            LimitReached::PendingFromAddr => &mut self.over_max_pending_per_addr,
            LimitReached::Memory => &mut self.while_memory_short,
            LimitReached::Refusing | LimitReached::Descriptors => &mut self.while_refusing,
        }
    }
}

/// Returns the network of one party: an IPv4 address, or the 64-bit network of an IPv6 site.
fn source(peer: &Peer) -> Option<IpAddr> {
    Some(match peer.socket_addr()?.ip().to_canonical() {
        IpAddr::V6(addr) => {
            let network = addr.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        addr => addr,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_descriptors_is_full_and_has_no_room() {
        let mut counts = ConnectionCounts::new(Limits::new().max_calls(5));
        assert_eq!((counts.full(), counts.room()), (None, 5));
        counts.descriptors = Some(2);
        assert_eq!((counts.full(), counts.room()), (None, 2));
        counts.descriptors = Some(0);
        let full = Some(LimitReached::Descriptors);
        assert_eq!((counts.full(), counts.room()), (full, 0));
    }
}
