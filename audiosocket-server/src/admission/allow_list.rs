use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::{Peer, Refusal};
use ipnet::{IpNet, Ipv4Net};

/// The networks that may connect: a part of the [`Admission`](crate::Admission).
///
/// ```
/// # use audiosocket_server::{Admission, AllowList};
/// let asterisk: AllowList = "10.0.0.0/8, 192.0.2.7, 2001:db8::/32".parse()?;
/// let admission = Admission::new().allow_list(asterisk);
/// # drop(admission);
/// # Ok::<(), audiosocket_server::ParseAllowListError>(())
/// ```
///
/// The server refuses a peer from another network when it connects: the peer gets a hangup, and the server
/// reads nothing from it.
///
/// - An IPv6 address that maps an IPv4 address (`::ffff:10.0.0.1`, as a socket on `[::]` reports it) counts as
///   that IPv4 address, in the list and in peers. So `::/0` contains no IPv4 address. `0.0.0.0/0` contains all
///   of them.
/// - A peer with a name and no address ([`Peer::Named`]: a Unix socket, a pipe) is in no network. The server
///   refuses it, unless [`named`](Self::named) allows it.
/// - The address is that of the peer of the connection. Behind a proxy it is the address of the proxy, unless the proxy
///   [sends the address of its client](crate::Admission::proxy_protocol).
/// - An empty list allows no peer. `collect` can make an empty list. Parsing cannot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList {
    /// Contains no network of IPv6 addresses that map IPv4 addresses: see [`canonical`].
    networks: Vec<IpNet>,
    named: bool,
}

impl AllowList {
    /// Sets whether peers with a name and no address are allowed. Default: no.
    #[must_use]
    pub fn named(mut self, allowed: bool) -> Self {
        self.named = allowed;
        self
    }

    /// Returns whether calls may come from this peer.
    #[must_use]
    pub fn allows(&self, peer: &Peer) -> bool {
        match peer.socket_addr() {
            Some(addr) => {
                let addr = addr.ip().to_canonical();
                self.networks.iter().any(|network| network.contains(&addr))
            }
            None => self.named,
        }
    }

    /// Returns the networks, in the order of the list.
    #[must_use]
    pub fn networks(&self) -> &[IpNet] {
        &self.networks
    }

    pub(super) fn check(&self, peer: &Peer) -> Result<(), Refusal> {
        if self.allows(peer) {
            return Ok(());
        }
        Err(Refusal::new(match peer {
            Peer::Socket(_) => "its address is not on the allow list",
            _ => "it has a name and no address, and the allow list has addresses only",
        }))
    }
}

impl FromIterator<IpNet> for AllowList {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
        Self {
            networks: networks.into_iter().map(canonical).collect(),
            named: false,
        }
    }
}

/// Returns the IPv4 network for a network of mapped addresses: `10.0.0.0/8` for `::ffff:10.0.0.0/104`.
fn canonical(network: IpNet) -> IpNet {
    let prefix = network.prefix_len().checked_sub(96);
    match (network.addr().to_canonical(), network, prefix) {
        (IpAddr::V4(addr), IpNet::V6(_), Some(prefix)) => {
            Ipv4Net::new(addr, prefix).map_or(network, IpNet::V4)
        }
        _ => network,
    }
}

/// Parses networks and addresses, separated by commas, with or without spaces around them.
impl FromStr for AllowList {
    type Err = ParseAllowListError;

    fn from_str(text: &str) -> Result<Self, ParseAllowListError> {
        text.split(',').map(|part| parse(part.trim())).collect()
    }
}

fn parse(text: &str) -> Result<IpNet, ParseAllowListError> {
    let error = |problem| ParseAllowListError {
        text: text.to_owned(),
        problem,
    };
    let network = network(text).ok_or_else(|| error(Problem::Malformed))?;
    // `10.0.0.1/8` may mean the network or the address, which admit different peers.
    if network.addr() != network.network() {
        return Err(error(Problem::HostBits(network)));
    }
    Ok(network)
}

/// Parses an address or a network with `std`. The parser of `IpNet` accepts `010.0.0.0`, which other programs read as
/// 8.0.0.0.
fn network(text: &str) -> Option<IpNet> {
    let Some((addr, prefix)) = text.split_once('/') else {
        return Some(text.parse::<IpAddr>().ok()?.into());
    };
    if !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    IpNet::new(addr.parse().ok()?, prefix.parse().ok()?).ok()
}

/// The part of the text of an [`AllowList`] that is not a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseAllowListError {
    text: String,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    Malformed,
    HostBits(IpNet),
}

impl fmt::Display for ParseAllowListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        match self.problem {
            Problem::Malformed => write!(
                f,
                "{text:?} is not an IP address or a network: write, for example, 192.0.2.7 or 192.0.2.0/24"
            ),
            Problem::HostBits(network) => write!(
                f,
                "{text:?} can mean a network or one address: write {} for the network, {} for the address",
                network.trunc(),
                network.addr()
            ),
        }
    }
}

impl Error for ParseAllowListError {}
