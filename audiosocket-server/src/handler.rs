use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use uuid::Uuid;

use crate::{Call, CallHandle, Calls, Exception, LimitReached, Peer, Response};
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

    /// The server begins to shut down. The call goes on until it ends, or until the time allowed is over and the
    /// server hangs it up. Runs once at most.
    fn on_shutdown(&mut self, call: &mut Call<'_>) {
        let _ = call;
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

    fn on_shutdown(&mut self, call: &mut Call<'_>) {
        (**self).on_shutdown(call);
    }

    fn on_end(&mut self, call: &mut Call<'_>, end: End) {
        (**self).on_end(call, end);
    }
}

/// Accepts or refuses each call, and makes its handler. Shared by all connections.
///
/// A closure is an acceptor; see [`acceptor_fn`]. The [`Admission`](crate::Admission) refuses peers and UUIDs before
/// the acceptor runs.
pub trait Acceptor: Send + Sync + 'static {
    /// Handles an accepted call.
    type Handler: Handler;

    /// Accepts a call, or refuses it. A refused caller gets a hangup.
    ///
    /// # Errors
    ///
    /// The reason for the refusal.
    fn accept(&self, request: &CallRequest<'_>) -> Result<Self::Handler, Refusal>;

    /// Something went wrong on a connection that did not become a call: it sent no UUID or something else, or
    /// [`accept`](Self::accept) or [`Admission::admit_peer`](crate::Admission::admit_peer) panicked.
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

/// Makes an acceptor of a closure, whose argument then needs no type annotation.
///
/// ```
/// use audiosocket_server::{Callbacks, Refusal, acceptor_fn};
///
/// let acceptor = acceptor_fn(|request| {
///     if request.uuid.is_nil() {
///         return Err(Refusal::new("the nil UUID"));
///     }
///     Ok(Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {}))
/// });
/// # drop(acceptor);
/// ```
pub fn acceptor_fn<F, H>(accept: F) -> F
where
    F: Fn(&CallRequest<'_>) -> Result<H, Refusal> + Send + Sync + 'static,
    H: Handler,
{
    accept
}

/// A call whose UUID has arrived, and which is not accepted so far.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CallRequest<'a> {
    /// The UUID that Asterisk's dialplan gave the call. Every peer that reaches the port can send any UUID. Only
    /// [`ExpectedCalls`](crate::ExpectedCalls) make it a secret.
    pub uuid: Uuid,
    /// The other end of the connection.
    pub peer: &'a Peer,
    /// The address of this machine to which the peer connected, for a TCP connection.
    pub local_addr: Option<SocketAddr>,
    pub(crate) handle: &'a CallHandle,
    pub(crate) calls: &'a Calls,
}

impl CallRequest<'_> {
    /// Returns what was [announced](crate::ExpectedCalls::announce) of the call. Returns `None` if the server has
    /// no expected calls, or their metadata is not an `M`.
    #[must_use]
    pub fn metadata<M: Send + Sync + 'static>(&self) -> Option<Arc<M>> {
        self.handle.metadata()
    }
}

/// Why a peer or a call was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(Cow<'static, str>);

impl Refusal {
    /// A refusal with a reason for the log. The caller does not get the reason.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self(reason.into())
    }
}

impl From<LimitReached> for Refusal {
    fn from(limit: LimitReached) -> Self {
        Self::new(limit.to_string())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
