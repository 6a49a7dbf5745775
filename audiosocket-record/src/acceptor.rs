use std::time::Instant;

use audiosocket_proto::{Audio, DtmfDigit, End, Frame, MarkOutcome};
use audiosocket_server::{
    Acceptor, Call, CallRequest, Exception, Handler, Peer, Refusal, Response,
};

use crate::queue::Queue;
use crate::track::Track;

/// An acceptor whose calls are recorded, from [`Recorder::record`](crate::Recorder::record).
#[derive(Debug)]
pub struct RecordingAcceptor<A> {
    acceptor: A,
    queue: Queue,
}

impl<A> RecordingAcceptor<A> {
    pub(crate) fn new(acceptor: A, queue: Queue) -> Self {
        Self { acceptor, queue }
    }
}

impl<A: Acceptor> Acceptor for RecordingAcceptor<A> {
    type Handler = RecordingHandler<A::Handler>;

    fn admit_peer(&self, peer: &Peer) -> Result<(), Refusal> {
        self.acceptor.admit_peer(peer)
    }

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

/// A handler whose caller is recorded.
#[derive(Debug)]
pub struct RecordingHandler<H> {
    handler: H,
    track: Track,
}

impl<H: Handler> Handler for RecordingHandler<H> {
    fn on_start(&mut self, call: &mut Call<'_>) {
        self.handler.on_start(call);
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        self.track.write(Instant::now(), audio);
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
        if let Exception::Lagged(lag) = error {
            self.track.write_lost(Instant::now(), lag.frames, lag.bytes);
        }
        self.handler.on_exception(call, error);
    }

    fn on_end(&mut self, call: &mut Call<'_>, end: End) {
        self.track.finish(Instant::now());
        self.handler.on_end(call, end);
    }
}
