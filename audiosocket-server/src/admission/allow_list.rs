use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::{Acceptor, CallRequest, Exception, Peer, Refusal};
use ipnet::{IpNet, Ipv4Net};

/// The networks that calls may come from.
///
/// ```
/// use audiosocket_server::AllowList;
/// use audiosocket_server::Callbacks;
///
/// let asterisk: AllowList = "10.0.0.0/8, 192.0.2.7, 2001:db8::/32".parse()?;
/// let callbacks = Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {});
/// let acceptor = asterisk.then(callbacks); // or a closure, or `incoming()`
/// # drop(acceptor);
/// # Ok::<(), audiosocket_server::ParseAllowListError>(())
/// ```
///
/// Whoever comes from elsewhere is refused [when they connect](Acceptor::admit_peer): they get a
/// hangup, and nothing that they send is looked at.
///
/// - An IPv6 address that stands for one of IPv4 (`::ffff:10.0.0.1`, as a socket on `[::]` has them) is
///   taken for that one, in the list as in peers. `::/0` hence holds no IPv4 address; `0.0.0.0/0`
///   holds all of them.
/// - A peer that has a name and no address ([`Peer::Named`]: a Unix socket, a pipe) is in no
///   network. It is refused, unless [`named`](Self::named) says otherwise.
/// - The address is that of the other end of the connection. Behind a proxy it is the proxy's.
/// - An empty list, which can be made by `collect` and not by parsing, allows nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList {
    /// None of them is of IPv6 addresses that stand for those of IPv4.
    networks: Vec<IpNet>,
    named: bool,
}

impl AllowList {
    /// Whether peers are allowed that have a name and no address. Default: no.
    #[must_use]
    pub fn named(mut self, allowed: bool) -> Self {
        self.named = allowed;
        self
    }

    /// Whether calls may come from there.
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

    /// The networks, in the order in which they were given.
    #[must_use]
    pub fn networks(&self) -> &[IpNet] {
        &self.networks
    }

    /// Has `acceptor` asked only about those whom the list allows.
    #[must_use]
    pub fn then<A: Acceptor>(self, acceptor: A) -> Allowed<A> {
        Allowed {
            list: self,
            acceptor,
        }
    }

    fn check(&self, peer: &Peer) -> Result<(), Refusal> {
        if self.allows(peer) {
            return Ok(());
        }
        Err(Refusal::new(match peer {
            Peer::Socket(_) => "its address is not on the allow-list",
            _ => "it has no address, and the allow-list is of addresses",
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

/// `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
fn canonical(network: IpNet) -> IpNet {
    let prefix = network.prefix_len().checked_sub(96);
    match (network.addr().to_canonical(), network, prefix) {
        (IpAddr::V4(addr), IpNet::V6(_), Some(prefix)) => {
            Ipv4Net::new(addr, prefix).map_or(network, IpNet::V4)
        }
        _ => network,
    }
}

/// Networks and addresses, separated by commas, with or without spaces around them.
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
    // Which of the two was meant decides on who is let in.
    if network.addr() != network.network() {
        return Err(error(Problem::HostBits(network)));
    }
    Ok(network)
}

/// By the parser of `std`, since that of `IpNet` takes `010.0.0.0`, which is 8.0.0.0 to others.
fn network(text: &str) -> Option<IpNet> {
    let Some((addr, prefix)) = text.split_once('/') else {
        return Some(text.parse::<IpAddr>().ok()?.into());
    };
    if !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    IpNet::new(addr.parse().ok()?, prefix.parse().ok()?).ok()
}

/// What is no network in the text of an [`AllowList`].
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
                "{text:?} is no network, such as 192.0.2.0/24, and no address"
            ),
            Problem::HostBits(network) => write!(
                f,
                "{text:?} is an address within a network: write {} for the network, {} for the address",
                network.trunc(),
                network.addr()
            ),
        }
    }
}

impl Error for ParseAllowListError {}

/// Asks the acceptor `A` only about those whom a list allows; see [`AllowList::then`].
#[derive(Clone, Debug)]
pub struct Allowed<A> {
    list: AllowList,
    acceptor: A,
}

impl<A: Acceptor> Acceptor for Allowed<A> {
    type Handler = A::Handler;

    fn admit_peer(&self, peer: &Peer) -> Result<(), Refusal> {
        self.list.check(peer)?;
        self.acceptor.admit_peer(peer)
    }

    fn accept(&self, request: &CallRequest<'_>) -> Result<A::Handler, Refusal> {
        // Again, for one that wraps this acceptor and forgets to pass `admit_peer` on.
        self.list.check(request.peer)?;
        self.acceptor.accept(request)
    }

    fn on_exception(&self, peer: &Peer, error: &Exception) {
        self.acceptor.on_exception(peer, error);
    }
}
