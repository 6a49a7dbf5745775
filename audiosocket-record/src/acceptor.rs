use std::time::Instant;

use audiosocket_server::{
    Acceptor, Call, CallRequest, Exception, Handler, HandlerEvent, Peer, Refusal, Response,
};

use crate::queue::WriterQueue;
use crate::track::Track;

/// An acceptor whose calls are recorded, from [`Recorder::record`](crate::Recorder::record).
#[derive(Debug)]
pub struct RecordingAcceptor<A> {
    acceptor: A,
    queue: WriterQueue,
}

impl<A> RecordingAcceptor<A> {
    pub(crate) fn new(acceptor: A, queue: WriterQueue) -> Self {
        Self { acceptor, queue }
    }
}

impl<A: Acceptor> Acceptor for RecordingAcceptor<A> {
    type Handler = RecordingHandler<A::Handler>;

    fn accept(&self, request: &CallRequest<'_>) -> Result<Self::Handler, Refusal> {
        let handler = self.acceptor.accept(request)?;
        let track = self.queue.start_now(request.uuid);
        let track = track.map_err(|error| Refusal::new(error.to_string()))?;
        Ok(RecordingHandler { handler, track })
    }

    fn on_exception(&self, peer: &Peer, error: &Exception) {
        self.acceptor.on_exception(peer, error);
    }
}

/// A handler of a [`RecordingAcceptor`]. It records the caller.
#[derive(Debug)]
pub struct RecordingHandler<H> {
    handler: H,
    track: Track,
}

impl<H: Handler> Handler for RecordingHandler<H> {
    fn on_event<'a>(&mut self, call: &mut Call<'_>, event: HandlerEvent<'a>) -> Response<'a> {
        match event {
            HandlerEvent::Audio(audio) => self.track.write(Instant::now(), audio),
            HandlerEvent::Exception(Exception::Lagged(lag)) => {
                self.track.write_lost(Instant::now(), lag.frames, lag.bytes);
            }
            HandlerEvent::End(_) => self.track.finish(Instant::now()),
            _ => {}
        }
        self.handler.on_event(call, event)
    }
}
