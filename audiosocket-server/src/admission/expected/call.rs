use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use crate::ExpectedCalls;
use crate::{Acceptor, Call, CallRequest, Exception, Handler, Peer, Refusal, Response};
use audiosocket_proto::{Audio, DtmfDigit, End, Frame, MarkOutcome};

/// Asks the acceptor `A` of announced calls only; see [`ExpectedCalls::guard`].
#[derive(Debug)]
pub struct ExpectedOnly<M, A> {
    announced: ExpectedCalls<M>,
    acceptor: A,
}

impl<M, A> ExpectedOnly<M, A> {
    pub(crate) fn new(announced: ExpectedCalls<M>, acceptor: A) -> Self {
        Self {
            announced,
            acceptor,
        }
    }
}

impl<M: Send + Sync + 'static, A: Acceptor> Acceptor for ExpectedOnly<M, A> {
    type Handler = ExpectedCallHandler<M, A::Handler>;

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
        Ok(ExpectedCallHandler {
            handler: self.acceptor.accept(request)?,
            place,
        })
    }

    fn on_exception(&self, peer: &Peer, error: &Exception) {
        self.acceptor.on_exception(peer, error);
    }
}

/// An acceptor that gives its closure the metadata of each call; see [`ExpectedCalls::then`].
pub struct WithMetadata<M, F> {
    announced: ExpectedCalls<M>,
    accept: F,
}

impl<M, F> WithMetadata<M, F> {
    pub(crate) fn new(announced: ExpectedCalls<M>, accept: F) -> Self {
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

/// The handler `H` of an announced call; see [`ExpectedCalls`].
#[derive(Debug)]
pub struct ExpectedCallHandler<M, H> {
    /// First, so that it is dropped first: the call goes on until its handler is gone.
    handler: H,
    place: Place<M>,
}

/// Keeps a UUID that of a call that goes on.
#[derive(Debug)]
struct Place<M> {
    announced: ExpectedCalls<M>,
    uuid: Uuid,
    id: u64,
}

impl<M> Drop for Place<M> {
    fn drop(&mut self) {
        let Self { uuid, id, .. } = *self;
        drop(self.announced.with(|book, _now| book.leave(uuid, id)));
    }
}

impl<M: Send + Sync, H: Handler> Handler for ExpectedCallHandler<M, H> {
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
