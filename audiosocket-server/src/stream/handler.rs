use std::sync::Arc;

use bytes::Bytes;

use crate::stream::accept_queue::AcceptQueue;
use crate::stream::event_queue::{CallEvent, Events};
use crate::{Call, Exception, Handler, IncomingCall, Response};
use audiosocket_proto::{Audio, DtmfDigit, End, MarkOutcome};

/// What puts the callbacks of one call where [`IncomingCall`] finds them.
#[derive(Debug)]
pub struct StreamHandler {
    /// `None` once the call waits in it.
    hall: Option<Arc<AcceptQueue>>,
    events: Arc<Events>,
}

impl StreamHandler {
    pub(crate) fn new(hall: Arc<AcceptQueue>, event_queue: usize) -> Self {
        Self {
            hall: Some(hall),
            events: Arc::new(Events::new(event_queue)),
        }
    }

    /// Of what cannot be dropped so much waits that nobody is there who asks for it, or a peer
    /// that is no Asterisk makes it.
    fn tell(&self, call: &mut Call<'_>, event: CallEvent) {
        if self.events.push(event).is_err() {
            call.hangup();
        }
    }
}

/// A handler that others wrap may be let go before it was told of the start, or without being told of
/// the end.
impl Drop for StreamHandler {
    fn drop(&mut self) {
        if let Some(hall) = self.hall.take() {
            hall.leave();
        }
        self.events.end(End::Abandoned);
    }
}

impl Handler for StreamHandler {
    fn on_start(&mut self, call: &mut Call<'_>) {
        self.tell(call, CallEvent::Started);
        if let Some(hall) = self.hall.take() {
            hall.enter(IncomingCall::new(call, Arc::clone(&self.events)));
        }
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        let owned = Bytes::copy_from_slice(&audio);
        self.tell(call, CallEvent::Audio(audio.rate(), owned));
        Response::Nothing
    }

    fn on_dtmf(&mut self, call: &mut Call<'_>, digit: DtmfDigit) -> Response<'static> {
        self.tell(call, CallEvent::Dtmf(digit));
        Response::Nothing
    }

    fn on_mark(&mut self, call: &mut Call<'_>, mark: u64, outcome: MarkOutcome) {
        self.tell(call, CallEvent::Mark(mark, outcome));
    }

    fn on_exception(&mut self, call: &mut Call<'_>, error: &Exception) {
        match error {
            Exception::Lagged(lag) => self.events.lagged(*lag),
            Exception::Peer(error) => self.tell(call, CallEvent::Exception(*error)),
            // These come with an end that says the same.
            _ => {}
        }
    }

    fn on_end(&mut self, _call: &mut Call<'_>, end: End) {
        self.events.end(end);
    }
}
