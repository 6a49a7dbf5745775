//! Which connections become calls: the admission, the open connections, and their limits.

pub(crate) mod allow_list;
pub(crate) mod counts;
pub(crate) mod expected;
pub(crate) mod limits;
pub(crate) mod open_calls;
pub(crate) mod readiness;
pub(crate) mod room;
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
            .finish_non_exhaustive()
    }
}
