use std::sync::Arc;

use crate::stream::accept_queue::AcceptQueue;
use crate::stream::event_queue::{EventQueue, Overflow};
use crate::{Call, CallEvent, Calls, Exception, Handler, IncomingCall, Response};
use audiosocket_proto::{Audio, DtmfDigit, End, MarkOutcome};

/// The handler that queues the events of a call for its [`IncomingCall`].
#[derive(Debug)]
pub struct StreamHandler {
    /// `None` after the call has started.
    start: Option<(Arc<AcceptQueue>, Calls)>,
    events: Arc<EventQueue>,
}

impl StreamHandler {
    pub(crate) fn new(queue: &Arc<AcceptQueue>, calls: &Calls, event_queue: usize) -> Self {
        Self {
            start: Some((Arc::clone(queue), calls.clone())),
            events: Arc::new(EventQueue::new(event_queue)),
        }
    }

    /// Queues an event. Hangs up if the queue overflows: then no task takes the events, or a peer other than Asterisk
    /// floods the call.
    fn push(&self, call: &mut Call<'_>, event: CallEvent) {
        match self.events.push(event) {
            Ok(0) => {}
            Ok(dropped) => call.lagged(dropped),
            Err(Overflow) => call.hangup(),
        }
    }
}

/// A wrapper may drop the handler without `on_end`.
impl Drop for StreamHandler {
    fn drop(&mut self) {
        self.events.end(End::Abandoned);
    }
}

impl Handler for StreamHandler {
    fn on_start(&mut self, call: &mut Call<'_>) {
        self.push(call, CallEvent::Started);
        if let Some((queue, calls)) = self.start.take() {
            let work = calls.open_work();
            queue.push(IncomingCall::new(call, Arc::clone(&self.events), work));
        }
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        self.push(call, CallEvent::Audio(audio.into()));
        Response::Nothing
    }

    fn on_dtmf(&mut self, call: &mut Call<'_>, digit: DtmfDigit) -> Response<'static> {
        self.push(call, CallEvent::Dtmf(digit));
        Response::Nothing
    }

    fn on_mark(&mut self, call: &mut Call<'_>, mark: u64, outcome: MarkOutcome) {
        self.push(call, CallEvent::Mark(mark, outcome));
    }

    fn on_exception(&mut self, call: &mut Call<'_>, error: &Exception) {
        match error {
            Exception::Lagged(lag) => self.events.lagged(*lag),
            Exception::Peer(error) => self.push(call, CallEvent::Exception(*error)),
            // An end with the same meaning follows.
            _ => {}
        }
    }

    fn on_shutdown(&mut self, call: &mut Call<'_>) {
        self.push(call, CallEvent::ShuttingDown);
    }

    fn on_end(&mut self, _call: &mut Call<'_>, end: End) {
        self.events.end(end);
    }
}
