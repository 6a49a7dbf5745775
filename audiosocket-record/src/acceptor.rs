use std::time::Instant;

use audiosocket_server::{
    Acceptor, Call, CallRequest, Exception, Handler, HandlerEvent, Peer, Refusal, Response,
};
use uuid::Uuid;

use crate::queue::WriterQueue;
use crate::track::{Track, TrackError};

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
        let handler = RecordingHandler::start(handler, request.uuid, &self.queue);
        handler.map_err(|error| Refusal::new(error.to_string()))
    }

    fn on_exception(&self, peer: &Peer, error: &Exception) {
        self.acceptor.on_exception(peer, error);
    }
}

/// A handler whose call is recorded, from [`Recorder::record`](crate::Recorder::record) or
/// [`Recorder::record_call`](crate::Recorder::record_call).
#[derive(Debug)]
pub struct RecordingHandler<H> {
    handler: H,
    track: Track,
    /// The time at which the connection was accepted, by the clock of the call. Before the start of the call it is the
    /// start of the recording.
    accepted: Instant,
}

impl<H: Handler> RecordingHandler<H> {
    pub(crate) fn start(handler: H, uuid: Uuid, queue: &WriterQueue) -> Result<Self, TrackError> {
        let now = Instant::now();
        Ok(Self {
            handler,
            track: queue.start_now(uuid, now)?,
            accepted: now,
        })
    }

    /// Records what the call sends.
    fn observe(&mut self, call: &mut Call<'_>) {
        let started = self.accepted;
        self.accepted = started.checked_sub(call.duration()).unwrap_or(started);
        if let Some(mut server) = self.track.server_side() {
            let accepted = self.accepted;
            call.observe_sent(move |frame| {
                server.write(accepted + frame.at, frame.on_schedule, frame.audio);
            });
        }
    }
}

impl<H: Handler> Handler for RecordingHandler<H> {
    fn on_event<'a>(&mut self, call: &mut Call<'_>, event: HandlerEvent<'a>) -> Response<'a> {
        let now = self.accepted + call.duration();
        match event {
            HandlerEvent::Start => self.observe(call),
            HandlerEvent::Audio(audio) => self.track.write(now, audio),
            HandlerEvent::Exception(Exception::Lagged(lag)) => {
                self.track.write_lost(now, lag.frames, lag.bytes);
            }
            HandlerEvent::End(_) => self.track.finish(now),
            _ => {}
        }
        self.handler.on_event(call, event)
    }
}
