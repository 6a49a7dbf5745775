//! Log lines about calls, the same for every server.

use std::time::Instant;

use audiosocket_server::HandlerEvent;
use audiosocket_server::io::LogRateLimit;
use audiosocket_tokio::stats::CallStats;
use audiosocket_tokio::{
    Acceptor, Call, CallRequest, End, Exception, Handler, Peer, Refusal, Response,
};

use super::fault_log;

/// The number of exceptions of one call that are logged with a line each. The last line of the call has the number of all.
const EXCEPTIONS_LOGGED: u64 = 5;

/// Logs the calls that `A` accepts.
#[derive(Debug)]
pub(in crate::serve) struct CallLog<A> {
    acceptor: A,
    /// Whether the server has audio of its own to send.
    server_plays: bool,
    /// Limits the lines about connections that do not become calls.
    failed_connections: LogRateLimit,
}

impl<A> CallLog<A> {
    /// `server_plays` is whether the server has audio of its own to send.
    pub(in crate::serve) fn new(acceptor: A, server_plays: bool) -> Self {
        Self {
            acceptor,
            server_plays,
            failed_connections: LogRateLimit::new(),
        }
    }
}

impl<A: Acceptor> Acceptor for CallLog<A> {
    type Handler = LoggedCall<A::Handler>;

    fn accept(&self, request: &CallRequest<'_>) -> Result<Self::Handler, Refusal> {
        Ok(LoggedCall {
            handler: self.acceptor.accept(request)?,
            server_plays: self.server_plays,
            is_taken_over: false,
            exceptions: 0,
        })
    }

    fn take_over(&self, request: &CallRequest<'_>, state: &[u8]) -> Result<Self::Handler, Refusal> {
        let (exceptions, state) = state
            .split_first_chunk()
            .ok_or_else(|| Refusal::new("the other process is another server"))?;
        Ok(LoggedCall {
            handler: self.acceptor.take_over(request, state)?,
            server_plays: self.server_plays,
            is_taken_over: true,
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
    server_plays: bool,
    /// Whether the call has come from another process, and has not continued yet.
    is_taken_over: bool,
    exceptions: u64,
}

impl<H: Handler> Handler for LoggedCall<H> {
    fn on_event<'a>(&mut self, call: &mut Call<'_>, event: HandlerEvent<'a>) -> Response<'a> {
        match event {
            HandlerEvent::Start => {
                tracing::info!(uuid = %call.uuid(), peer = %call.peer(), "call started");
            }
            HandlerEvent::Resume if std::mem::take(&mut self.is_taken_over) => {
                tracing::info!(uuid = %call.uuid(), peer = %call.peer(), "call taken over");
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
            self.log_end(call, end);
            fault_log::log(call, self.server_plays);
        }
        response
    }

    fn hand_over(&mut self, call: &Call<'_>) -> Option<Vec<u8>> {
        let state = self.handler.hand_over(call)?;
        let exceptions = u32::try_from(self.exceptions).unwrap_or(u32::MAX);
        Some([&exceptions.to_le_bytes()[..], &state].concat())
    }
}

/// Why Asterisk may have ended a call because of the rate of its audio. Asterisk ends such a call as it ends a call whose
/// caller hangs up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RateProblem {
    /// The network lost packets.
    Loss,
    /// The network lost no packet of the server, so only an old release can be the reason.
    Release,
    /// The system does not count lost packets.
    LossOrRelease,
}

impl RateProblem {
    /// Returns the problem of a call that was sent more than 16 kHz and ended without a hangup.
    fn of(stats: &CallStats, end: End) -> Option<Self> {
        let rate = stats.rate_sent?;
        let without_hangup = matches!(end, End::Closed | End::Reset | End::ConnectionLost);
        (without_hangup && rate != rate.answer_rate()).then_some(match stats.retransmissions {
            Some(0) => Self::Release,
            Some(_) => Self::Loss,
            None => Self::LossOrRelease,
        })
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Loss => {
                "if the caller did not hang up: on a network that loses packets, Asterisk can end calls that are sent more \
                 than 16 kHz; omit --rate, or use c(slin16) in the dialplan"
            }
            Self::Release => {
                "if the caller did not hang up: Asterisk before 20.17, 21.12, 22.7 and 23.1 ends calls that are sent more \
                 than 16 kHz; omit --rate, or use c(slin16) in the dialplan"
            }
            Self::LossOrRelease => {
                "if the caller did not hang up: a network that loses packets, and Asterisk before 20.17, 21.12, 22.7 and \
                 23.1, end calls that are sent more than 16 kHz; omit --rate, or use c(slin16) in the dialplan"
            }
        }
    }
}

/// `info!` or `warn!`. The level of a `tracing` event must be a constant.
macro_rules! event {
    ($is_warning:expr, $($field:tt)*) => {
        if $is_warning {
            tracing::warn!($($field)*);
        } else {
            tracing::info!($($field)*);
        }
    };
}

impl<H> LoggedCall<H> {
    fn log_end(&self, call: &Call<'_>, end: End) {
        let stats = call.stats();
        let (session, playout) = (stats.session, stats.playout);
        // These figures are of no use on a call on which nothing was played.
        let of_playing = |count| (playout.frames > 0).then_some(count);
        let problem = RateProblem::of(&stats, end);
        event!(
            problem == Some(RateProblem::Loss),
            uuid = %call.uuid(),
            peer = %call.peer(),
            %end,
            seconds = format_args!("{:.3}", call.duration().as_secs_f64()),
            frames_in = session.audio_frames_received,
            frames_out = session.audio_frames_sent,
            silence = playout.silence,
            rate_out = stats.rate_sent.map(tracing::field::display),
            retransmissions = stats.retransmissions,
            dropped = session.frames_dropped,
            exceptions = self.exceptions,
            late = of_playing(playout.late),
            underruns = of_playing(playout.underruns),
            remedy = problem.map(RateProblem::remedy),
            "call ended"
        );
    }
}

#[cfg(test)]
mod tests {
    use audiosocket_tokio::SampleRate;

    use super::*;

    fn problem(rate: Option<SampleRate>, lost: Option<u32>, end: End) -> Option<RateProblem> {
        let mut stats = CallStats::default();
        stats.rate_sent = rate;
        stats.retransmissions = lost;
        RateProblem::of(&stats, end)
    }

    #[test]
    fn only_wide_audio_and_an_end_without_a_hangup_are_a_problem() {
        let ends = [
            (End::Closed, true),
            (End::Reset, true),
            (End::ConnectionLost, true),
            (End::HangupReceived, false),
            (End::HungUp, false),
            (End::MaxDuration, false),
            (End::ShutDown, false),
            (End::HandlerPanicked, false),
            (End::Abandoned, false),
        ];
        for (end, without_hangup) in ends {
            for rate in SampleRate::ALL {
                let is_problem = without_hangup && rate.hz() > 16_000;
                let loss = is_problem.then_some(RateProblem::Loss);
                assert_eq!(problem(Some(rate), Some(1), end), loss, "{rate} {end}");
            }
            assert_eq!(problem(None, Some(1), end), None, "{end}");
        }
    }

    #[test]
    fn without_retransmissions_only_the_release_is_a_problem() {
        let wide = Some(SampleRate::Hz48000);
        let release = Some(RateProblem::Release);
        assert_eq!(problem(wide, Some(0), End::Closed), release);
        let unknown = Some(RateProblem::LossOrRelease);
        assert_eq!(problem(wide, None, End::Closed), unknown);
    }
}
