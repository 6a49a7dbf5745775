//! Log lines about calls, whatever serves them.

use std::time::Instant;

use audiosocket_proto::MarkOutcome;
use audiosocket_tokio::{
    Acceptor, Audio, Call, CallRequest, DtmfDigit, End, Exception, Frame, Handler, Peer, Refusal,
    Response,
};

use audiosocket_server::io::LogRateLimit;

/// How many things that go wrong on one call have a line each; the last line of the call tells how
/// many there were.
const EXCEPTIONS_LOGGED: u64 = 5;

/// Logs what becomes of the calls that `A` takes.
#[derive(Debug)]
pub(super) struct CallLog<A> {
    acceptor: A,
    /// For connections that do not become calls.
    failed_connections: LogRateLimit,
}

impl<A> CallLog<A> {
    pub(super) fn new(acceptor: A) -> Self {
        Self {
            acceptor,
            failed_connections: LogRateLimit::new(),
        }
    }
}

impl<A: Acceptor> Acceptor for CallLog<A> {
    type Handler = LoggedCall<A::Handler>;

    fn admit_peer(&self, peer: &Peer) -> Result<(), Refusal> {
        self.acceptor.admit_peer(peer)
    }

    fn accept(&self, request: &CallRequest<'_>) -> Result<Self::Handler, Refusal> {
        Ok(LoggedCall {
            handler: self.acceptor.accept(request)?,
            exceptions: 0,
        })
    }

    fn on_exception(&self, peer: &Peer, error: &Exception) {
        self.acceptor.on_exception(peer, error);
        if let Some(suppressed) = self.failed_connections.take(Instant::now()) {
            let suppressed = (suppressed > 0).then_some(suppressed);
            tracing::warn!(%peer, %error, suppressed, "not a call");
        }
    }
}

#[derive(Debug)]
pub(super) struct LoggedCall<H> {
    handler: H,
    exceptions: u64,
}

impl<H: Handler> Handler for LoggedCall<H> {
    fn on_start(&mut self, call: &mut Call<'_>) {
        tracing::info!(uuid = %call.uuid(), peer = %call.peer(), "call started");
        self.handler.on_start(call);
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        self.handler.on_audio(call, audio)
    }

    fn on_dtmf(&mut self, call: &mut Call<'_>, digit: DtmfDigit) -> Response<'static> {
        tracing::debug!(uuid = %call.uuid(), %digit, "key pressed");
        self.handler.on_dtmf(call, digit)
    }

    fn on_mark(&mut self, call: &mut Call<'_>, mark: u64, outcome: MarkOutcome) {
        self.handler.on_mark(call, mark, outcome);
    }

    fn on_ignored(&mut self, call: &mut Call<'_>, frame: Frame<'_>) {
        let (kind, len) = (frame.kind, frame.payload.len());
        tracing::debug!(uuid = %call.uuid(), %kind, len, "frame ignored");
        self.handler.on_ignored(call, frame);
    }

    fn on_exception(&mut self, call: &mut Call<'_>, error: &Exception) {
        self.exceptions += 1;
        if self.exceptions <= EXCEPTIONS_LOGGED {
            tracing::warn!(uuid = %call.uuid(), peer = %call.peer(), %error, "exception");
        }
        self.handler.on_exception(call, error);
    }

    fn on_end(&mut self, call: &mut Call<'_>, end: End) {
        self.handler.on_end(call, end);
        let stats = call.stats();
        let playout = stats.playout;
        // Of a server that plays nothing these say nothing.
        let of_playing = |count| (playout.frames > 0).then_some(count);
        tracing::info!(
            uuid = %call.uuid(),
            peer = %call.peer(),
            %end,
            seconds = format_args!("{:.3}", call.duration().as_secs_f64()),
            frames_in = stats.audio_frames_received,
            frames_out = stats.audio_frames_sent,
            silence = playout.silence,
            dropped = stats.frames_dropped,
            exceptions = self.exceptions,
            late = of_playing(playout.late),
            underruns = of_playing(playout.underruns),
            "call ended"
        );
    }
}
