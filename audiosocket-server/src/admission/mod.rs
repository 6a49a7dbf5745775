//! Which connections become calls: the admission, the open connections, and their limits.

pub(crate) mod allow_list;
pub(crate) mod counts;
pub(crate) mod expected;
pub(crate) mod limits;
pub(crate) mod open_calls;
mod proxied_client;
pub(crate) mod proxy_header;
pub(crate) mod readiness;
pub(crate) mod registration;
pub(crate) mod room;
pub(crate) mod room_watch;
pub(crate) mod server_stats;
pub(crate) mod wait_idle;

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use crate::{AllowList, CallHandle, ExpectedCalls, Limits, Peer, Refusal};
use expected::{ExpectedCall, ExpectedUuids};

type AdmitPeer = dyn Fn(&Peer) -> Result<(), Refusal> + Send + Sync;

/// The checks that decide which connections a server admits. They run before the [`Acceptor`](crate::Acceptor) decides
/// about a call. Cheap to clone.
///
/// A connection passes these checks, in this order:
///
/// | when | check | default |
/// |---|---|---|
/// | the peer connects | the [allow list](Self::allow_list) | all addresses |
/// | the peer connects | the [check of the application](Self::admit_peer) | no check |
/// | the peer connects | the [limits](Self::limits) | the default limits |
/// | the UUID arrives | the [expected calls](Self::expected_calls) | all UUIDs |
///
/// Behind a [proxy](Self::proxy_protocol), the first three checks are about the client of the proxy. They run when the header
/// of the proxy arrives. Only the limits without an address also run when the proxy connects.
///
/// A connection that fails a check gets a hangup. The server reads nothing from a peer that it refuses.
///
/// ```
/// # use audiosocket_server::{Admission, AllowList, Calls, ExpectedCalls, Limits};
/// let asterisk: AllowList = "10.0.0.0/8, 192.0.2.7".parse()?;
/// let expected = ExpectedCalls::<String>::new();
/// let admission = Admission::new()
///     .limits(Limits::new().max_calls(500))
///     .allow_list(asterisk)
///     .expected_calls(&expected);
/// let calls = Calls::new(admission);
/// # drop(calls);
/// # Ok::<(), audiosocket_server::ParseAllowListError>(())
/// ```
#[derive(Clone, Default)]
pub struct Admission {
    limits: Limits,
    allow_list: Option<AllowList>,
    proxies: Option<AllowList>,
    admit_peer: Option<Arc<AdmitPeer>>,
    expected: Option<Arc<dyn ExpectedUuids>>,
}

impl Admission {
    /// Returns an admission with the default limits and no other check.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many connections the server admits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Refuses peers that are not on this list.
    #[must_use]
    pub fn allow_list(mut self, list: AllowList) -> Self {
        self.allow_list = Some(list);
        self
    }

    /// Sets the networks of proxies that send a header of the PROXY protocol, version 1 or 2, before all other bytes. This is
    /// `send-proxy` or `send-proxy-v2` in HAProxy. Default: none.
    ///
    /// The header has the address of the proxy's client. This client is the peer of the call: for the allow list, the limits,
    /// the handler and the log.
    ///
    /// - A connection from these networks must send a header within
    ///   [`uuid_timeout`](audiosocket_proto::SessionConfig::uuid_timeout), and another connection must not. Otherwise the server
    ///   refuses the connection, and [`Acceptor::on_exception`](crate::Acceptor::on_exception) gets a
    ///   [`ProxyHeaderError`](crate::ProxyHeaderError).
    /// - A header without an address (`LOCAL`, `UNKNOWN`) comes from the proxy itself, most often to check the server. Such a
    ///   connection may close without a call, and this is no exception. If it becomes a call, the peer is the proxy.
    /// - A header can contain any address. So list the proxies only, and no network from which others can connect.
    ///
    /// The protocol is described in `doc/proxy-protocol.txt` of HAProxy.
    #[must_use]
    pub fn proxy_protocol(mut self, proxies: AllowList) -> Self {
        self.proxies = Some(proxies);
        self
    }

    /// Refuses peers for which `check` returns an error. It runs once for each connection that the allow list
    /// allows, before anything is read. It runs in the accept loop: a check that blocks delays all later
    /// connections.
    ///
    /// A panic in `check` closes this connection only, and is reported to
    /// [`Acceptor::on_exception`](crate::Acceptor::on_exception).
    #[must_use]
    pub fn admit_peer<F>(mut self, check: F) -> Self
    where
        F: Fn(&Peer) -> Result<(), Refusal> + Send + Sync + 'static,
    {
        self.admit_peer = Some(Arc::new(check));
        self
    }

    /// Refuses calls that were not announced to `calls`. The metadata of an accepted call is on the call: see
    /// [`CallRequest::metadata`](crate::CallRequest::metadata), [`Call::metadata`](crate::Call::metadata) and
    /// [`CallHandle::metadata`].
    #[must_use]
    pub fn expected_calls<M: Send + Sync + 'static>(mut self, calls: &ExpectedCalls<M>) -> Self {
        self.expected = Some(Arc::new(calls.clone()));
        self
    }

    fn is_proxy(&self, peer: &Peer) -> bool {
        let proxies = self.proxies.as_ref();
        proxies.is_some_and(|proxies| proxies.allows(peer))
    }

    fn check_peer(&self, peer: &Peer) -> Result<(), Refusal> {
        if let Some(list) = &self.allow_list {
            list.check(peer)?;
        }
        match &self.admit_peer {
            Some(admit_peer) => admit_peer(peer),
            None => Ok(()),
        }
    }

    fn expect(&self, call: &CallHandle, uuid: Uuid) -> Result<Option<ExpectedCall>, Refusal> {
        let expected = self.expected.as_ref();
        expected
            .map(|expected| expected.start(call, uuid))
            .transpose()
    }
}

impl From<Limits> for Admission {
    fn from(limits: Limits) -> Self {
        Self::new().limits(limits)
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission")
            .field("limits", &self.limits)
            .field("allow_list", &self.allow_list)
            .field("proxies", &self.proxies)
            .finish_non_exhaustive()
    }
}
