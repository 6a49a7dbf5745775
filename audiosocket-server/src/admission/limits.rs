use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::Peer;

/// How many connections a server takes. Each is a bound for what a flood can cost; the defaults are
/// far beyond what one Asterisk does, and what they cost at worst is for you to compare with the
/// machine.
///
/// # What a connection costs
///
/// A quiet one takes about 2.5 kB and a descriptor; in `audiosocket-blocking` about 16 kB, two
/// descriptors and a thread. One whose peer, or whose handler, behaves as badly as it can takes up to
///
/// - 64 KiB for a frame that is never finished,
/// - [`max_unsent`](audiosocket_proto::SessionConfig::max_unsent), 128 KiB, for what its peer does not read,
/// - with [`incoming`](crate::incoming), 128 KiB of events that nobody asks for,
/// - in `audiosocket-blocking`, [`max_unread`](audiosocket_proto::SessionConfig::max_unread), 128 KiB, for a handler
///   that blocks,
///
/// hence 192 to 448 KiB, beside what you play on it and up to 256 KiB that the kernel has for what is sent on
/// its socket (`send_buffer` in the adapters' `ServerOptions`) and what it has of what nobody has read yet
/// (`net.ipv4.tcp_rmem`). For the first of these a peer needs nobody's
/// help: 10,000 such calls are 640 MB, so a machine that has less to spare is to have a lower `max_calls`,
/// and peers that are not yours are best kept out before they are calls.
///
/// A connection beyond a limit is refused: it gets a hangup frame, is closed a moment later, and
/// is [counted](crate::Calls::counters). The calls that there are do not notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections that are open at once, with a UUID or without. Default: 10,000, several times what an
    /// Asterisk carries. The system's limit on descriptors (`ulimit -n`) may come first, and then new
    /// connections wait in the kernel.
    pub max_calls: usize,
    /// Those of them that have not sent a UUID yet. Asterisk sends it at once, so that in ordinary
    /// times there are next to none. Default: 8,192: however many come and say nothing, 1,808 of
    /// `max_calls` are left to calls.
    pub max_pending: usize,
    /// The same from one IPv4 address or one IPv6 network of 64 bits. Default: 1,024: an Asterisk
    /// that places 500 calls at once is not turned down, twice; and who would keep others out needs
    /// eight addresses. Behind a proxy all callers have one.
    pub max_pending_per_addr: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_calls: 10_000,
            max_pending: 8_192,
            max_pending_per_addr: 1_024,
        }
    }
}

/// Why a connection was refused before it could say anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LimitReached {
    /// [`Limits::max_calls`].
    Calls,
    /// [`Limits::max_pending`].
    Pending,
    /// [`Limits::max_pending_per_addr`].
    PendingFromAddr,
    /// The application [refuses calls](crate::Calls::refuse_calls) at present.
    Refusing,
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Calls => "too many calls",
            Self::Pending => "too many connections without a UUID",
            Self::PendingFromAddr => "too many connections without a UUID from this address",
            Self::Refusing => "no calls are taken at present",
        })
    }
}

/// What became of the connections of a server, since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallCounters {
    /// Connections in all, those refused included.
    pub connections: u64,
    /// Those that sent a UUID and were taken by the acceptor: calls.
    pub started: u64,
    /// Those that the acceptor refused, by their peer or by their UUID.
    pub refused: u64,
    /// Refused by [`Limits::max_calls`].
    pub over_max_calls: u64,
    /// Refused by [`Limits::max_pending`].
    pub over_max_pending: u64,
    /// Refused by [`Limits::max_pending_per_addr`].
    pub over_max_pending_per_addr: u64,
    /// Refused since the application takes [none](crate::Calls::refuse_calls) at present.
    pub while_refusing: u64,
}

/// The connections that count against the limits.
#[derive(Debug, Default)]
pub(crate) struct ConnectionCounts {
    limits: Limits,
    pub(crate) refusing: bool,
    pub(crate) counters: CallCounters,
    open: usize,
    pending: usize,
    /// Only addresses with any, so that it is no larger than `pending`.
    pending_from: HashMap<IpAddr, usize>,
}

/// How a connection counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionClass {
    /// It has no UUID yet.
    Pending,
    Call,
    /// It was refused and counts no more.
    Refused,
}

impl ConnectionCounts {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Lets a connection in, unless it was not `admitted` by the acceptor, or a limit is met.
    pub(crate) fn enter(
        &mut self,
        peer: &Peer,
        admitted: bool,
    ) -> Result<ConnectionClass, LimitReached> {
        self.counters.connections += 1;
        if !admitted {
            self.counters.refused += 1;
            return Ok(ConnectionClass::Refused);
        }
        let from = source(peer);
        let entered = self.room_for(from);
        match entered {
            Ok(()) => {
                self.open += 1;
                self.pending += 1;
                if let Some(from) = from {
                    *self.pending_from.entry(from).or_default() += 1;
                }
            }
            Err(full) => *self.counters.refused_by(full) += 1,
        }
        entered.map(|()| ConnectionClass::Pending)
    }

    /// The connections that count.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// The connection from `peer` sent its UUID, and was taken by the acceptor, or refused.
    pub(crate) fn identify(&mut self, peer: &Peer, standing: &mut ConnectionClass, taken: bool) {
        if taken {
            self.counters.started += 1;
        } else {
            self.counters.refused += 1;
            self.open -= 1;
        }
        if *standing == ConnectionClass::Pending {
            self.no_longer_pending(peer);
        }
        *standing = if taken {
            ConnectionClass::Call
        } else {
            ConnectionClass::Refused
        };
    }

    /// The connection from `peer` is closed.
    pub(crate) fn leave(&mut self, peer: &Peer, standing: ConnectionClass) {
        match standing {
            ConnectionClass::Pending => self.no_longer_pending(peer),
            ConnectionClass::Call => {}
            ConnectionClass::Refused => return,
        }
        self.open -= 1;
    }

    fn room_for(&self, from: Option<IpAddr>) -> Result<(), LimitReached> {
        let limits = self.limits;
        let pending_from = from.and_then(|from| self.pending_from.get(&from));
        if self.refusing {
            Err(LimitReached::Refusing)
        } else if self.open >= limits.max_calls {
            Err(LimitReached::Calls)
        } else if self.pending >= limits.max_pending {
            Err(LimitReached::Pending)
        } else if from.is_some() && *pending_from.unwrap_or(&0) >= limits.max_pending_per_addr {
            Err(LimitReached::PendingFromAddr)
        } else {
            Ok(())
        }
    }

    fn no_longer_pending(&mut self, peer: &Peer) {
        self.pending -= 1;
        if let Some(from) = source(peer)
            && let Some(count) = self.pending_from.get_mut(&from)
        {
            *count -= 1;
            if *count == 0 {
                self.pending_from.remove(&from);
            }
        }
    }
}

impl CallCounters {
    fn refused_by(&mut self, full: LimitReached) -> &mut u64 {
        match full {
            LimitReached::Calls => &mut self.over_max_calls,
            LimitReached::Pending => &mut self.over_max_pending,
            LimitReached::PendingFromAddr => &mut self.over_max_pending_per_addr,
            LimitReached::Refusing => &mut self.while_refusing,
        }
    }
}

/// What one party holds: an IPv4 address, or the 64 bits that are handed out to a site.
fn source(peer: &Peer) -> Option<IpAddr> {
    Some(match peer.socket_addr()?.ip().to_canonical() {
        IpAddr::V6(addr) => {
            let network = addr.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        addr => addr,
    })
}
