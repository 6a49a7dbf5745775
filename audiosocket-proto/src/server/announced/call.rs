use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use super::Announced;
use crate::server::{Acceptor, Call, CallRequest, Exception, Handler, Peer, Refusal, Response};
use crate::{Audio, DtmfDigit, End, Frame, MarkOutcome};

/// Asks the acceptor `A` of announced calls only; see [`Announced::guard`].
#[derive(Debug)]
pub struct AnnouncedOnly<M, A> {
    announced: Announced<M>,
    acceptor: A,
}

impl<M, A> AnnouncedOnly<M, A> {
    pub(super) fn new(announced: Announced<M>, acceptor: A) -> Self {
        Self {
            announced,
            acceptor,
        }
    }
}

impl<M: Send + Sync + 'static, A: Acceptor> Acceptor for AnnouncedOnly<M, A> {
    type Handler = AnnouncedCall<M, A::Handler>;

    fn admit_peer(&self, peer: &Peer) -> Result<(), Refusal> {
        self.acceptor.admit_peer(peer)
    }

    fn accept(&self, request: &CallRequest<'_>) -> Result<Self::Handler, Refusal> {
        let entered = self.announced.enter(request.uuid)?;
        let place = Place {
            announced: self.announced.clone(),
            uuid: request.uuid,
            id: entered.id,
        };
        if let Some(replaced) = entered.replaced {
            replaced.hangup();
        }
        Ok(AnnouncedCall {
            handler: self.acceptor.accept(request)?,
            place,
        })
    }

    fn on_exception(&self, peer: &Peer, error: &Exception) {
        self.acceptor.on_exception(peer, error);
    }
}

/// An acceptor that gives its closure the metadata of each call; see [`Announced::then`].
pub struct WithMetadata<M, F> {
    announced: Announced<M>,
    accept: F,
}

impl<M, F> WithMetadata<M, F> {
    pub(super) fn new(announced: Announced<M>, accept: F) -> Self {
        Self { announced, accept }
    }
}

impl<M, F, H> Acceptor for WithMetadata<M, F>
where
    F: Fn(&CallRequest<'_>, Arc<M>) -> Result<H, Refusal> + Send + Sync + 'static,
    H: Handler,
    M: Send + Sync + 'static,
{
    type Handler = H;

    fn accept(&self, request: &CallRequest<'_>) -> Result<H, Refusal> {
        let metadata = self.announced.metadata(request.uuid);
        // Only of a call whose place another took, and that is over already as well.
        let metadata = metadata.ok_or_else(|| Refusal::new("another call took its place"))?;
        (self.accept)(request, metadata)
    }
}

impl<M, F> fmt::Debug for WithMetadata<M, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithMetadata").finish_non_exhaustive()
    }
}

/// The handler `H` of an announced call; see [`Announced`].
#[derive(Debug)]
pub struct AnnouncedCall<M, H> {
    /// First, so that it is dropped first: the call goes on until its handler is gone.
    handler: H,
    place: Place<M>,
}

/// Keeps a UUID that of a call that goes on.
#[derive(Debug)]
struct Place<M> {
    announced: Announced<M>,
    uuid: Uuid,
    id: u64,
}

impl<M> Drop for Place<M> {
    fn drop(&mut self) {
        let Self { uuid, id, .. } = *self;
        drop(self.announced.with(|book, _now| book.leave(uuid, id)));
    }
}

impl<M: Send + Sync, H: Handler> Handler for AnnouncedCall<M, H> {
    fn on_start(&mut self, call: &mut Call<'_>) {
        let Place { uuid, id, .. } = self.place;
        let handle = call.handle();
        let announced = &self.place.announced;
        if !announced.with(|book, _now| book.begin(uuid, id, &handle)) {
            call.hangup();
        }
        self.handler.on_start(call);
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        self.handler.on_audio(call, audio)
    }

    fn on_dtmf(&mut self, call: &mut Call<'_>, digit: DtmfDigit) -> Response<'static> {
        self.handler.on_dtmf(call, digit)
    }

    fn on_mark(&mut self, call: &mut Call<'_>, mark: u64, outcome: MarkOutcome) {
        self.handler.on_mark(call, mark, outcome);
    }

    fn on_ignored(&mut self, call: &mut Call<'_>, frame: Frame<'_>) {
        self.handler.on_ignored(call, frame);
    }

    fn on_exception(&mut self, call: &mut Call<'_>, error: &Exception) {
        self.handler.on_exception(call, error);
    }

    fn on_end(&mut self, call: &mut Call<'_>, end: End) {
        self.handler.on_end(call, end);
    }
}
