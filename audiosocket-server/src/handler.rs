use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;

use uuid::Uuid;

use crate::{Call, Exception, LimitReached, Peer, Response};
use audiosocket_proto::{Audio, DtmfDigit, End, Frame, MarkOutcome};

/// What happens on one call; made for it by an [`Acceptor`], and so free to keep state.
///
/// See the [module](super) for what is promised. Callbacks should return quickly: in an
/// asynchronous adapter one thread serves many calls.
///
/// ```
/// use audiosocket_server::{Call, Handler, Response};
/// use audiosocket_proto::{Audio, DtmfDigit, End};
///
/// /// Plays back what it hears until `#` is pressed.
/// #[derive(Default)]
/// struct Echo {
///     frames: u64,
/// }
///
/// impl Handler for Echo {
///     fn on_audio<'a>(&mut self, _call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
///         self.frames += 1;
///         audio.into()
///     }
///
///     fn on_dtmf(&mut self, _call: &mut Call<'_>, digit: DtmfDigit) -> Response<'static> {
///         if digit.as_char() == '#' { Response::Hangup } else { Response::Nothing }
///     }
///
///     fn on_end(&mut self, call: &mut Call<'_>, end: End) {
///         println!("{} ended after {} frames: {end}", call.uuid(), self.frames);
///     }
/// }
/// ```
pub trait Handler: Send {
    /// The call has begun.
    fn on_start(&mut self, call: &mut Call<'_>) {
        let _ = call;
    }

    /// Audio from the caller, never empty, of whatever length and rate it was sent; the answer
    /// goes out at once as one frame.
    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a>;

    /// The caller pressed a key; the answer is sent as that to audio.
    fn on_dtmf(&mut self, call: &mut Call<'_>, digit: DtmfDigit) -> Response<'static> {
        let _ = (call, digit);
        Response::Nothing
    }

    /// A [mark](Call::mark) was reached: what was queued ahead of it has been played, or cleared.
    /// Marks come in the order in which they were set.
    fn on_mark(&mut self, call: &mut Call<'_>, mark: u64, outcome: MarkOutcome) {
        let _ = (call, mark, outcome);
    }

    /// A frame that asks for nothing: an unknown kind, legacy silence, audio of no bytes.
    fn on_ignored(&mut self, call: &mut Call<'_>, frame: Frame<'_>) {
        let _ = (call, frame);
    }

    /// Something went wrong. If it ends the call, [`on_end`](Self::on_end) follows at once. An
    /// ordinary end is no exception, be it a close or a [reset](End::Reset) between two frames.
    fn on_exception(&mut self, call: &mut Call<'_>, error: &Exception) {
        let _ = (call, error);
    }

    /// The call is over. The last callback, exactly once.
    fn on_end(&mut self, call: &mut Call<'_>, end: End) {
        let _ = (call, end);
    }
}

impl<H: Handler + ?Sized> Handler for Box<H> {
    fn on_start(&mut self, call: &mut Call<'_>) {
        (**self).on_start(call);
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        (**self).on_audio(call, audio)
    }

    fn on_dtmf(&mut self, call: &mut Call<'_>, digit: DtmfDigit) -> Response<'static> {
        (**self).on_dtmf(call, digit)
    }

    fn on_mark(&mut self, call: &mut Call<'_>, mark: u64, outcome: MarkOutcome) {
        (**self).on_mark(call, mark, outcome);
    }

    fn on_ignored(&mut self, call: &mut Call<'_>, frame: Frame<'_>) {
        (**self).on_ignored(call, frame);
    }

    fn on_exception(&mut self, call: &mut Call<'_>, error: &Exception) {
        (**self).on_exception(call, error);
    }

    fn on_end(&mut self, call: &mut Call<'_>, end: End) {
        (**self).on_end(call, end);
    }
}

/// Decides on each call whether to take it, and makes its handler. WakeCell by all connections.
///
/// A closure is one: `|request: &CallRequest<'_>| Ok(MyHandler::new())`. The type of its argument
/// has to be spelled out.
///
/// One that wraps another has to pass all three methods on to it.
pub trait Acceptor: Send + Sync + 'static {
    /// What handles the calls that are taken.
    type Handler: Handler;

    /// Whether to talk to this peer at all. Asked once for each connection, before anything is read
    /// from it: whoever is refused here gets a hangup without having cost the wait for a UUID. It runs
    /// where connections are accepted, so that one that blocks holds up all that come after.
    ///
    /// Takes everyone unless it is written otherwise.
    ///
    /// # Errors
    ///
    /// The reason for which the peer is refused.
    fn admit_peer(&self, peer: &Peer) -> Result<(), Refusal> {
        let _ = peer;
        Ok(())
    }

    /// Takes a call, or refuses it; a refused caller gets a hangup.
    ///
    /// # Errors
    ///
    /// The reason for which the call is refused.
    fn accept(&self, request: &CallRequest<'_>) -> Result<Self::Handler, Refusal>;

    /// Something went wrong on a connection that did not become a call: no UUID, not a UUID, a
    /// panic in [`admit_peer`](Self::admit_peer) or in [`accept`](Self::accept).
    fn on_exception(&self, peer: &Peer, error: &Exception) {
        let _ = (peer, error);
    }
}

impl<F, H> Acceptor for F
where
    F: Fn(&CallRequest<'_>) -> Result<H, Refusal> + Send + Sync + 'static,
    H: Handler,
{
    type Handler = H;

    fn accept(&self, request: &CallRequest<'_>) -> Result<H, Refusal> {
        self(request)
    }
}

/// A call that wants to begin.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CallRequest<'a> {
    /// The UUID that Asterisk's dialplan gave the call. Nothing proves it: whoever reaches the
    /// port can send any.
    pub uuid: Uuid,
    /// Where it comes from.
    pub peer: &'a Peer,
    /// The address of this machine at which it came in, if it came by TCP.
    pub local_addr: Option<SocketAddr>,
}

/// Why a call, or whoever wanted to make one, was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(Cow<'static, str>);

impl Refusal {
    /// A refusal with a reason for the log; the caller does not hear it.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self(reason.into())
    }
}

impl From<LimitReached> for Refusal {
    fn from(full: LimitReached) -> Self {
        Self::new(full.to_string())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
