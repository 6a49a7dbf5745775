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

    /// The recording begins when the call goes on.
    fn take_over(&self, request: &CallRequest<'_>, state: &[u8]) -> Result<Self::Handler, Refusal> {
        Ok(RecordingHandler {
            handler: self.acceptor.take_over(request, state)?,
            queue: self.queue.clone(),
            track: None,
            accepted: Instant::now(),
        })
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
    queue: WriterQueue,
    /// `None` before the call continues in this process, and if it cannot be recorded then.
    track: Option<Track>,
    /// The time at which the connection was accepted, by the clock of the call. Before the start of the call it is the
    /// start of the recording.
    accepted: Instant,
}

impl<H: Handler> RecordingHandler<H> {
    pub(crate) fn start(handler: H, uuid: Uuid, queue: &WriterQueue) -> Result<Self, TrackError> {
        let now = Instant::now();
        Ok(Self {
            handler,
            queue: queue.clone(),
            track: Some(queue.start_now(uuid, now)?),
            accepted: now,
        })
    }

    /// Begins a file after the call has moved to this process.
    fn begin(&mut self, call: &mut Call<'_>) {
        let now = Instant::now();
        match self.queue.start_now(call.uuid(), now) {
            Ok(track) => self.track = Some(track),
            Err(error) => {
                tracing::error!(uuid = %call.uuid(), %error, "the rest of a call is not recorded");
            }
        }
        self.accepted = now;
        self.observe(call);
    }

    /// Records what the call sends.
    fn observe(&mut self, call: &mut Call<'_>) {
        let started = self.accepted;
        self.accepted = started.checked_sub(call.duration()).unwrap_or(started);
        if let Some(mut server) = self.track.as_ref().and_then(Track::server_side) {
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
        match (event, &mut self.track) {
            (HandlerEvent::Start, _) => self.observe(call),
            (HandlerEvent::Resume, None) => self.begin(call),
            (HandlerEvent::Resume, Some(track)) => track.stay(),
            (HandlerEvent::Audio(audio), Some(track)) => track.write(now, audio),
            (HandlerEvent::Exception(Exception::Lagged(lag)), Some(track)) => {
                track.write_lost(now, lag.frames, lag.bytes);
            }
            (HandlerEvent::End(_), Some(track)) => track.finish(now),
            _ => {}
        }
        self.handler.on_event(call, event)
    }

    /// The file ends here if the call moves, and the other process begins another one. So two processes never write the same
    /// file.
    fn hand_over(&mut self, call: &Call<'_>) -> Option<Vec<u8>> {
        if self.queue.has_given_paths() {
            // The file of the other process would overwrite this one.
            return None;
        }
        let state = self.handler.hand_over(call)?;
        if let Some(track) = &mut self.track {
            track.leave(self.accepted + call.duration());
        }
        Some(state)
    }
}
