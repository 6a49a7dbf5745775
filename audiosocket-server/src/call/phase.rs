//! What a connection does at present: it waits for its UUID, it is a call, or it is over.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::Refusal;
use crate::admission::expected::UuidInUse;
use crate::admission::proxy_header::ProxyHeaderDecoder;
use crate::call::deadline_timer::DeadlineTimer;

pub(crate) enum Phase<H> {
    /// The UUID has not arrived.
    Waiting {
        local_addr: Option<SocketAddr>,
        /// `Some` if the peer is a proxy whose client is not known.
        proxy: Option<Box<ProxyState>>,
    },
    Talking {
        handler: H,
        timer: Option<Arc<DeadlineTimer>>,
        /// This field follows the handler, so it is dropped after the handler.
        _uuid_in_use: Option<UuidInUse>,
    },
    /// `on_end` was called, or there was no handler. `refusal` is the reason if the call or its peer was
    /// refused.
    Over {
        refusal: Option<Refusal>,
        /// Too many refused connections linger, so close at once.
        turned_away: bool,
    },
}

impl<H> Phase<H> {
    pub(crate) const OVER: Self = Self::Over {
        refusal: None,
        turned_away: false,
    };
}

/// The state of a connection from a proxy whose client is not known. In a box, since most connections have none.
#[derive(Debug)]
pub(crate) enum ProxyState {
    /// The header has not arrived.
    AwaitsHeader(ProxyHeaderDecoder),
    /// The proxy connected for itself, most often to check the server.
    HasNoClient,
}

impl ProxyState {
    pub(super) fn of_new_connection(is_proxy: bool) -> Option<Box<Self>> {
        is_proxy.then(|| Box::new(Self::AwaitsHeader(ProxyHeaderDecoder::default())))
    }
}
