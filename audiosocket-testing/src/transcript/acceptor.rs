use std::fmt;
use std::sync::Arc;

use audiosocket_proto::Uuid;
use audiosocket_server::{
    Acceptor, Call, CallRequest, Exception, Handler, HandlerEvent, Peer, Refusal, Response,
};

use super::entries::Transcript;
use super::entry::{Entry, Record};

type Keep = dyn Fn(&Entry) -> bool + Send + Sync;
type OnEntry = dyn Fn(&Entry) + Send + Sync;
type InCall = dyn Fn(&mut Call<'_>, &Record) + Send + Sync;

/// An acceptor that records the callbacks of another acceptor and of its handlers, and then runs them.
///
/// Clones share the acceptor and the transcript.
pub struct TranscriptAcceptor<A> {
    acceptor: Arc<A>,
    recorder: CallbackRecorder,
}

/// A handler of a [`TranscriptAcceptor`].
pub struct TranscriptHandler<H> {
    handler: H,
    uuid: Uuid,
    peer: Peer,
    recorder: CallbackRecorder,
}

#[derive(Clone)]
struct CallbackRecorder {
    transcript: Transcript,
    keep: Arc<Keep>,
    on_entry: Arc<OnEntry>,
    in_call: Arc<InCall>,
}

impl<A> TranscriptAcceptor<A> {
    /// Wraps `acceptor`. The transcript has no entries.
    pub fn new(acceptor: A) -> Self {
        Self {
            acceptor: Arc::new(acceptor),
            recorder: CallbackRecorder {
                transcript: Transcript::new(),
                keep: Arc::new(|_| true),
                on_entry: Arc::new(|_| {}),
                in_call: Arc::new(|_, _| {}),
            },
        }
    }

    /// Returns the transcript.
    #[must_use]
    pub fn transcript(&self) -> Transcript {
        self.recorder.transcript.clone()
    }

    /// Sets the transcript.
    #[must_use]
    pub fn record_into(mut self, transcript: &Transcript) -> Self {
        self.recorder.transcript = transcript.clone();
        self
    }

    /// Records only entries for which `keep` returns true. The hooks of [`on_entry`](Self::on_entry) and
    /// [`in_call`](Self::in_call) run for all entries.
    #[must_use]
    pub fn keep_if(mut self, keep: impl Fn(&Entry) -> bool + Send + Sync + 'static) -> Self {
        self.recorder.keep = Arc::new(keep);
        self
    }

    /// Runs `hook` after each entry is recorded and before the callback. `hook` may panic, like the callback.
    #[must_use]
    pub fn on_entry(mut self, hook: impl Fn(&Entry) + Send + Sync + 'static) -> Self {
        self.recorder.on_entry = Arc::new(hook);
        self
    }

    /// Runs `hook` in each callback of a handler, after the record and before the callback of the wrapped handler.
    /// `hook` may use the call, and may panic.
    #[must_use]
    pub fn in_call(
        mut self,
        hook: impl Fn(&mut Call<'_>, &Record) + Send + Sync + 'static,
    ) -> Self {
        self.recorder.in_call = Arc::new(hook);
        self
    }
}

impl CallbackRecorder {
    fn record(&self, entry: &Entry) {
        if (self.keep)(entry) {
            self.transcript.push(entry.clone());
        }
        (self.on_entry)(entry);
    }

    fn record_in(&self, call: &mut Call<'_>, record: Record) {
        let entry = Entry::about(call, record);
        self.record(&entry);
        (self.in_call)(call, &entry.record);
    }
}

impl<A: Acceptor> Acceptor for TranscriptAcceptor<A> {
    type Handler = TranscriptHandler<A::Handler>;

    fn accept(&self, request: &CallRequest<'_>) -> Result<Self::Handler, Refusal> {
        let CallRequest { uuid, peer, .. } = *request;
        let record = Record::Accept(uuid);
        self.recorder
            .record(&Entry::without_call(Some(uuid), peer, record));
        Ok(TranscriptHandler {
            handler: self.acceptor.accept(request)?,
            uuid,
            peer: peer.clone(),
            recorder: self.recorder.clone(),
        })
    }

    fn on_exception(&self, peer: &Peer, error: &Exception) {
        let record = Record::NoCall(error.to_string());
        self.recorder
            .record(&Entry::without_call(None, peer, record));
        self.acceptor.on_exception(peer, error);
    }
}

impl<H: Handler> Handler for TranscriptHandler<H> {
    fn on_event<'a>(&mut self, call: &mut Call<'_>, event: HandlerEvent<'a>) -> Response<'a> {
        if let Some(record) = record_of(event) {
            self.recorder.record_in(call, record);
        }
        self.handler.on_event(call, event)
    }
}

/// Returns `None` for an unknown event.
fn record_of(event: HandlerEvent<'_>) -> Option<Record> {
    Some(match event {
        HandlerEvent::Start => Record::Start,
        HandlerEvent::Audio(audio) => Record::Audio(audio.rate(), audio.payload().to_vec()),
        HandlerEvent::Dtmf(digit) => Record::Dtmf(digit),
        HandlerEvent::Mark(mark, outcome) => Record::Mark(mark, outcome),
        HandlerEvent::Ignored(frame) => Record::Ignored(frame.kind, frame.payload.to_vec()),
        HandlerEvent::Exception(error) => Record::Exception(error.to_string()),
        HandlerEvent::Shutdown => Record::Shutdown,
        HandlerEvent::End(end) => Record::End(end),
        _ => return None,
    })
}

impl<H> Drop for TranscriptHandler<H> {
    fn drop(&mut self) {
        let entry = Entry::without_call(Some(self.uuid), &self.peer, Record::Drop);
        self.recorder.record(&entry);
    }
}

impl<A> Clone for TranscriptAcceptor<A> {
    fn clone(&self) -> Self {
        Self {
            acceptor: Arc::clone(&self.acceptor),
            recorder: self.recorder.clone(),
        }
    }
}

impl<A> fmt::Debug for TranscriptAcceptor<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TranscriptAcceptor")
            .field("transcript", &self.recorder.transcript)
            .finish_non_exhaustive()
    }
}

impl<H> fmt::Debug for TranscriptHandler<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TranscriptHandler")
            .field("uuid", &self.uuid)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}
