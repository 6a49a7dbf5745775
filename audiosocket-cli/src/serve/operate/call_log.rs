//! Log lines about calls, the same for every server.

use std::time::Instant;

use audiosocket_server::HandlerEvent;
use audiosocket_server::io::LogRateLimit;
use audiosocket_tokio::{
    Acceptor, Call, CallRequest, End, Exception, Handler, Peer, Refusal, Response, SampleRate,
};

use super::call_list::{CallList, CallListEntry};

/// The number of exceptions of one call that are logged with a line each. The last line of the call has the number of all.
const EXCEPTIONS_LOGGED: u64 = 5;

/// Logs the calls that `A` accepts.
#[derive(Debug)]
pub(in crate::serve) struct CallLog<A> {
    acceptor: A,
    open: CallList,
    /// Limits the lines about connections that do not become calls.
    failed_connections: LogRateLimit,
}

impl<A> CallLog<A> {
    /// Also adds each call to `open`.
    pub(in crate::serve) fn new(acceptor: A, open: CallList) -> Self {
        Self {
            acceptor,
            open,
            failed_connections: LogRateLimit::new(),
        }
    }
}

impl<A: Acceptor> Acceptor for CallLog<A> {
    type Handler = LoggedCall<A::Handler>;

    fn accept(&self, request: &CallRequest<'_>) -> Result<Self::Handler, Refusal> {
        Ok(LoggedCall {
            handler: self.acceptor.accept(request)?,
            entry: CallListEntry::new(&self.open),
            exceptions: 0,
        })
    }

    fn take_over(&self, request: &CallRequest<'_>, state: &[u8]) -> Result<Self::Handler, Refusal> {
        let (exceptions, state) = state
            .split_first_chunk()
            .ok_or_else(|| Refusal::new("the other process is another server"))?;
        Ok(LoggedCall {
            handler: self.acceptor.take_over(request, state)?,
            entry: CallListEntry::new(&self.open),
            exceptions: u32::from_le_bytes(*exceptions).into(),
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
pub(in crate::serve) struct LoggedCall<H> {
    handler: H,
    entry: CallListEntry,
    exceptions: u64,
}

impl<H: Handler> Handler for LoggedCall<H> {
    fn on_event<'a>(&mut self, call: &mut Call<'_>, event: HandlerEvent<'a>) -> Response<'a> {
        match event {
            HandlerEvent::Start => {
                self.entry.start(call);
                tracing::info!(uuid = %call.uuid(), peer = %call.peer(), "call started");
            }
            HandlerEvent::Resume => {
                // If a handover failed, the call is in the list.
                let is_taken_over = self.entry.start(call);
                if is_taken_over {
                    tracing::info!(uuid = %call.uuid(), peer = %call.peer(), "call taken over");
                }
            }
            HandlerEvent::Dtmf(digit) => {
                tracing::debug!(uuid = %call.uuid(), %digit, "key pressed");
            }
            HandlerEvent::Ignored(frame) => {
                let (kind, len) = (frame.kind, frame.payload.len());
                tracing::debug!(uuid = %call.uuid(), %kind, len, "frame ignored");
            }
            HandlerEvent::Exception(error) => {
                self.exceptions += 1;
                if self.exceptions <= EXCEPTIONS_LOGGED {
                    tracing::warn!(uuid = %call.uuid(), peer = %call.peer(), %error, "exception");
                }
            }
            _ => {}
        }
        let response = self.handler.on_event(call, event);
        if let HandlerEvent::End(end) = event {
            self.entry.end();
            self.log_end(call, end);
        }
        response
    }

    fn hand_over(&mut self, call: &Call<'_>) -> Option<Vec<u8>> {
        let state = self.handler.hand_over(call)?;
        let exceptions = u32::try_from(self.exceptions).unwrap_or(u32::MAX);
        Some([&exceptions.to_le_bytes()[..], &state].concat())
    }
}

/// What to do if Asterisk ended a call because of the rate of its audio. Asterisk ends such a call as it ends a call whose
/// caller hangs up.
fn remedy(rate_sent: Option<SampleRate>, end: End) -> Option<&'static str> {
    let rate = rate_sent?;
    let without_hangup = matches!(end, End::Closed | End::Reset | End::ConnectionLost);
    (without_hangup && rate != rate.answer_rate()).then_some(
        "if the caller did not hang up: a network that loses packets, and Asterisk before 20.17, 21.12, 22.7 and 23.1, \
         end calls that are sent more than 16 kHz; omit --rate, or use c(slin16) in the dialplan",
    )
}

impl<H> LoggedCall<H> {
    fn log_end(&self, call: &Call<'_>, end: End) {
        let stats = call.stats();
        let (session, playout) = (stats.session, stats.playout);
        // These figures are of no use on a call on which nothing was played.
        let of_playing = |count| (playout.frames > 0).then_some(count);
        tracing::info!(
            uuid = %call.uuid(),
            peer = %call.peer(),
            %end,
            seconds = format_args!("{:.3}", call.duration().as_secs_f64()),
            frames_in = session.audio_frames_received,
            frames_out = session.audio_frames_sent,
            silence = playout.silence,
            rate_out = stats.rate_sent.map(tracing::field::display),
            dropped = session.frames_dropped,
            exceptions = self.exceptions,
            late = of_playing(playout.late),
            underruns = of_playing(playout.underruns),
            remedy = remedy(stats.rate_sent, end),
            "call ended"
        );
    }
}
