//! Log lines about calls, the same for every server.

use std::time::Instant;

use audiosocket_server::HandlerEvent;
use audiosocket_server::io::LogRateLimit;
use audiosocket_tokio::stats::CallStats;
use audiosocket_tokio::{
    Acceptor, Call, CallRequest, End, Exception, Handler, Peer, Refusal, Response,
};

/// The number of exceptions of one call that are logged with a line each. The last line of the call has the number of all.
const EXCEPTIONS_LOGGED: u64 = 5;

/// Logs the calls that `A` accepts.
#[derive(Debug)]
pub(super) struct CallLog<A> {
    acceptor: A,
    /// Limits the lines about connections that do not become calls.
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
    fn on_event<'a>(&mut self, call: &mut Call<'_>, event: HandlerEvent<'a>) -> Response<'a> {
        match event {
            HandlerEvent::Start => {
                tracing::info!(uuid = %call.uuid(), peer = %call.peer(), "call started");
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
        }
        response
    }
}

/// Why Asterisk may have ended a call, and the remedy. Asterisk ends such a call as it ends a call whose caller hangs up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RateProblem {
    /// Packets were lost.
    Loss,
    /// No packet was lost, so only an old release can be the cause.
    Release,
    /// The kernel did not count lost packets.
    LossOrRelease,
}

impl RateProblem {
    /// Returns the problem of a call that was sent more than 16 kHz and ended without a hangup.
    fn of(stats: &CallStats, end: End) -> Option<Self> {
        let is_wide = stats
            .rate_sent
            .is_some_and(|rate| rate != rate.answer_rate());
        let without_hangup = matches!(end, End::Closed | End::Reset | End::ConnectionLost);
        (is_wide && without_hangup).then_some(match stats.retransmissions {
            Some(0) => Self::Release,
            Some(_) => Self::Loss,
            None => Self::LossOrRelease,
        })
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Loss => {
                "if the caller did not hang up: the network loses packets, and Asterisk ends wide calls on it; omit --rate \
                 or use c(slin16), see docs/src/releases.md"
            }
            Self::Release => {
                "if the caller did not hang up: Asterisk before 20.17, 21.12, 22.7 and 23.1 ends wide calls; omit --rate, \
                 see docs/src/releases.md"
            }
            Self::LossOrRelease => {
                "if the caller did not hang up: Asterisk before 20.17, 21.12, 22.7 and 23.1, or a network that loses \
                 packets, ends wide calls; omit --rate or use c(slin16)"
            }
        }
    }
}

/// Logs the end of a call at this level.
macro_rules! log_end {
    ($level:ident, $logged:ident, $call:ident, $end:ident, $stats:ident, $problem:ident) => {{
        let (session, playout) = ($stats.session, $stats.playout);
        // These figures are of no use on a call on which nothing was played.
        let of_playing = |count| (playout.frames > 0).then_some(count);
        tracing::$level!(
            uuid = %$call.uuid(),
            peer = %$call.peer(),
            end = %$end,
            seconds = format_args!("{:.3}", $call.duration().as_secs_f64()),
            frames_in = session.audio_frames_received,
            frames_out = session.audio_frames_sent,
            silence = playout.silence,
            rate_out = $stats.rate_sent.map(tracing::field::display),
            retransmissions = $stats.retransmissions,
            dropped = session.frames_dropped,
            exceptions = $logged.exceptions,
            late = of_playing(playout.late),
            underruns = of_playing(playout.underruns),
            remedy = $problem.map(RateProblem::remedy),
            "call ended"
        );
    }};
}

impl<H> LoggedCall<H> {
    fn log_end(&self, call: &Call<'_>, end: End) {
        let stats = call.stats();
        let problem = RateProblem::of(&stats, end);
        match problem {
            Some(RateProblem::Loss) => log_end!(warn, self, call, end, stats, problem),
            _ => log_end!(info, self, call, end, stats, problem),
        }
    }
}

#[cfg(test)]
mod tests {
    use audiosocket_tokio::SampleRate;

    use super::*;

    fn problem(
        rate: Option<SampleRate>,
        retransmissions: Option<u32>,
        end: End,
    ) -> Option<RateProblem> {
        let mut stats = CallStats::default();
        stats.rate_sent = rate;
        stats.retransmissions = retransmissions;
        RateProblem::of(&stats, end)
    }

    #[test]
    fn a_call_with_wide_audio_and_retransmissions_that_ends_without_a_hangup_has_the_problem_of_loss()
     {
        let without_hangup = [End::Closed, End::Reset, End::ConnectionLost];
        let with_hangup = [
            End::HangupReceived,
            End::HungUp,
            End::MaxDuration,
            End::ShutDown,
            End::HandlerPanicked,
            End::Abandoned,
        ];
        for rate in SampleRate::ALL {
            let is_wide = rate.hz() > 16_000;
            for end in without_hangup {
                let loss = is_wide.then_some(RateProblem::Loss);
                assert_eq!(problem(Some(rate), Some(1), end), loss, "{rate} {end}");
            }
            for end in with_hangup {
                assert_eq!(problem(Some(rate), Some(1), end), None, "{rate} {end}");
            }
        }
        assert_eq!(problem(None, Some(1), End::Closed), None);
    }

    #[test]
    fn without_retransmissions_only_the_release_can_be_the_problem() {
        let wide = Some(SampleRate::Hz48000);
        assert_eq!(
            problem(wide, Some(0), End::Closed),
            Some(RateProblem::Release)
        );
        assert_eq!(
            problem(wide, None, End::Closed),
            Some(RateProblem::LossOrRelease)
        );
    }
}
