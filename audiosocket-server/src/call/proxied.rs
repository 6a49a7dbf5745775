//! A connection through a proxy, before its UUID: the header of the PROXY protocol.

#[cfg(feature = "io")]
use crate::admission::proxy_header::ProxyHeaderDecoder;
use crate::admission::proxy_header::{ProxySource, is_header};
use crate::call::driver::CallDriver;
use crate::call::phase::{Phase, ProxyState};
use crate::exception::catch_panic;
use crate::{Acceptor, Exception, Peer, ProxyHeaderError};
use audiosocket_proto::End;

impl<A: Acceptor> CallDriver<A> {
    /// Returns whether the peer is not known yet, because the header of its proxy has not arrived.
    #[cfg(feature = "io")]
    pub(crate) fn awaits_proxy_header(&self) -> bool {
        self.proxy_header().is_some()
    }

    /// Returns `bytes` without the header of the PROXY protocol, if it has not arrived. `bytes` are the next ones.
    #[cfg(feature = "io")]
    pub(crate) fn after_proxy_header<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        let mut rest = bytes;
        if let Some(decoder) = self.proxy_header()
            && decoder.clone().decode(&mut rest).is_err()
        {
            // The driver refuses the connection.
            rest = &[];
        }
        rest
    }

    /// Returns whether `bytes`, the first ones, are a header of a peer that is no proxy.
    #[cfg(feature = "tls")]
    pub(crate) fn is_forged_header(&self, bytes: &[u8]) -> bool {
        matches!(self.phase, Phase::Waiting { proxy: None, .. }) && is_header(bytes)
    }

    #[cfg(feature = "io")]
    fn proxy_header(&self) -> Option<&ProxyHeaderDecoder> {
        match &self.phase {
            Phase::Waiting { proxy, .. } => match proxy.as_deref() {
                Some(ProxyState::AwaitsHeader(decoder)) => Some(decoder),
                _ => None,
            },
            _ => None,
        }
    }

    /// Takes the header of the PROXY protocol off `bytes`, if it has not arrived.
    #[inline]
    pub(super) fn receive_proxy_header(&mut self, bytes: &mut &[u8]) {
        if let Phase::Waiting { .. } = self.phase {
            self.decode_proxy_header(bytes);
        }
    }

    fn decode_proxy_header(&mut self, bytes: &mut &[u8]) {
        let Phase::Waiting { proxy, .. } = &mut self.phase else {
            return;
        };
        let decoded = match proxy.as_deref_mut() {
            Some(ProxyState::AwaitsHeader(decoder)) => decoder.decode(bytes),
            Some(ProxyState::HasNoClient) => return,
            // A second header is no frame, as if it had come together with the first one.
            None if self.outbound.handle.control().is_proxied() => return,
            None if self.decoder.partial_len() == 0 && is_header(bytes) => {
                Err(ProxyHeaderError::NotAProxy)
            }
            None => return,
        };
        match decoded {
            Ok(None) => {}
            Ok(Some(ProxySource::Proxy)) => *proxy = Some(Box::new(ProxyState::HasNoClient)),
            Ok(Some(ProxySource::Client(client))) => {
                *proxy = None;
                self.admit_client(client.into());
            }
            Err(error) => {
                self.registration.refuse_header(self.peer(), error);
                // Also discards all later bytes.
                self.outbound.session.hangup(self.now);
                self.finish(End::HungUp, Some(&Exception::ProxyHeader(error)));
            }
        }
    }

    /// Admits or refuses the client of the proxy, as if it had connected itself.
    fn admit_client(&mut self, client: Peer) {
        self.outbound.handle.control().set_proxied_peer(client);
        #[cfg(feature = "io")]
        if let Some(span) = self.observers.as_ref().and_then(|it| it.span.as_ref()) {
            span.record("peer", tracing::field::display(self.peer()));
        }
        let admitted = catch_panic(|| self.registration.calls().admit_peer(self.peer()));
        let entry = self
            .registration
            .client_arrived(matches!(admitted, Ok(Ok(()))));
        self.enter(admitted, entry);
    }

    /// Returns the exception for the end of a connection, if the end has one.
    pub(super) fn exception_of(&self, end: End) -> Option<Exception> {
        let failed = match end {
            End::Failed(error) => Some(Exception::Peer(error)),
            _ => None,
        };
        let Phase::Waiting { proxy, .. } = &self.phase else {
            return failed;
        };
        match proxy.as_deref() {
            Some(ProxyState::AwaitsHeader(decoder)) => (failed.is_some() || decoder.has_begun())
                .then_some(Exception::ProxyHeader(ProxyHeaderError::Incomplete)),
            // A check that only connects, and then closes or waits.
            Some(ProxyState::HasNoClient) => None,
            None => failed,
        }
    }
}
