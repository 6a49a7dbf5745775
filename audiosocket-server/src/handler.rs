use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use uuid::Uuid;

use crate::{Call, CallHandle, Calls, Exception, LimitReached, Peer, Response};
use audiosocket_proto::{Audio, DtmfDigit, End, Frame, MarkOutcome};

/// Your code for one call. An [`Acceptor`] makes one handler for each call, so a handler can keep state.
///
/// Every method has a default that does nothing. Return quickly: in an asynchronous adapter one
/// thread serves many calls.
///
/// # What the server promises
///
/// - [`on_start`](Self::on_start) is the first callback, and runs once. [`on_end`](Self::on_end) is the last callback,
///   and runs once. This holds for every end: a hangup, a reset, a timeout, a panic, a runtime that is shut down. Only a
///   handler that [hands its call over](Self::hand_over) to another process has no `on_end`.
/// - After the end of a call, only the [`on_exception`](Self::on_exception) with the reason comes before `on_end`.
/// - Callbacks of one call never overlap. Callbacks of different calls can run at the same time.
/// - A panic in a callback ends that call only. The caller gets a hangup. The handler gets `on_exception` with
///   [`Exception::HandlerPanicked`], and then `on_end`. This needs `panic = "unwind"`, which is the default of Cargo.
///
/// # Example
///
/// ```
/// # use audiosocket_server::{Call, Handler, Response};
/// # use audiosocket_proto::{Audio, DtmfDigit, End};
/// /// Sends the caller's audio back until `#` is pressed.
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
///
/// # Wrapping a handler
///
/// A handler that wraps another one overrides only [`on_event`](Self::on_event). The server calls no other method, so the
/// wrapper gets all events:
///
/// ```
/// # use audiosocket_server::{Call, Handler, HandlerEvent, Response};
/// struct CountKeys<H> {
///     inner: H,
///     keys: u64,
/// }
///
/// impl<H: Handler> Handler for CountKeys<H> {
///     fn on_event<'a>(&mut self, call: &mut Call<'_>, event: HandlerEvent<'a>) -> Response<'a> {
///         if let HandlerEvent::Dtmf(_) = event {
///             self.keys += 1;
///         }
///         self.inner.on_event(call, event)
///     }
/// }
/// ```
pub trait Handler: Send {
    /// Called with each event of the call. The server sends the answer in the same way as that of
    /// [`on_audio`](Self::on_audio).
    ///
    /// Default: calls the method for the event.
    #[inline]
    fn on_event<'a>(&mut self, call: &mut Call<'_>, event: HandlerEvent<'a>) -> Response<'a> {
        match event {
            HandlerEvent::Audio(audio) => return self.on_audio(call, audio),
            HandlerEvent::Dtmf(digit) => return self.on_dtmf(call, digit),
            HandlerEvent::Start => self.on_start(call),
            HandlerEvent::Mark(mark, outcome) => self.on_mark(call, mark, outcome),
            HandlerEvent::Ignored(frame) => self.on_ignored(call, frame),
            HandlerEvent::Exception(error) => self.on_exception(call, error),
            HandlerEvent::Shutdown => self.on_shutdown(call),
            HandlerEvent::Resume => self.on_resume(call),
            HandlerEvent::End(end) => self.on_end(call, end),
        }
        Response::Nothing
    }

    /// Called when the call has started. This is the first callback, and it runs exactly once.
    fn on_start(&mut self, call: &mut Call<'_>) {
        let _ = call;
    }

    /// Called with the audio of one frame from the caller. The audio is never empty, and has any length and sample
    /// rate. The server sends the answer at once, as one frame.
    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        let _ = (call, audio);
        Response::Nothing
    }

    /// Called when the caller pressed a key. The server sends the answer at once, as one frame.
    fn on_dtmf(&mut self, call: &mut Call<'_>, digit: DtmfDigit) -> Response<'static> {
        let _ = (call, digit);
        Response::Nothing
    }

    /// Called when the playout reached a [mark](Call::mark): all audio before it has been played or cleared. Marks come
    /// in the order in which they were set.
    fn on_mark(&mut self, call: &mut Call<'_>, mark: u64, outcome: MarkOutcome) {
        let _ = (call, mark, outcome);
    }

    /// Called with a frame that has no meaning for the call: an unknown kind, legacy silence, or empty audio.
    fn on_ignored(&mut self, call: &mut Call<'_>, frame: Frame<'_>) {
        let _ = (call, frame);
    }

    /// Called for an error. If it ends the call, [`on_end`](Self::on_end) is the next callback. An ordinary end is not
    /// an exception: a close, or a [reset](End::Reset) between two frames.
    fn on_exception(&mut self, call: &mut Call<'_>, error: &Exception) {
        let _ = (call, error);
    }

    /// Called when the server began to shut down. The call goes on until it ends or the grace is over. This callback
    /// runs at most once. If the call starts later, it runs after [`on_start`](Self::on_start).
    fn on_shutdown(&mut self, call: &mut Call<'_>) {
        let _ = call;
    }

    /// Called when the call is over. This is the last callback, and it runs exactly once.
    fn on_end(&mut self, call: &mut Call<'_>, end: End) {
        let _ = (call, end);
    }

    /// Returns the state of the handler, so that another process can continue the call: its acceptor gets the state in
    /// [`Acceptor::take_over`]. Default: `None`, the call stays in this process.
    ///
    /// After `Some`, the next callback is [`on_resume`](Self::on_resume): of the new handler, or of this one if the handover
    /// failed. If it succeeded, this handler is dropped without a further callback. What its handles do to the call meanwhile
    /// is lost. The audio and the marks of the playout, and the counters, move with the call.
    fn hand_over(&mut self, call: &Call<'_>) -> Option<Vec<u8>> {
        let _ = call;
        None
    }

    /// Called when the call continues after [`hand_over`](Self::hand_over). For a handler that [`Acceptor::take_over`] made,
    /// this is the first callback, in place of [`on_start`](Self::on_start).
    fn on_resume(&mut self, call: &mut Call<'_>) {
        let _ = call;
    }
}

/// An event of a call: the argument of [`Handler::on_event`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum HandlerEvent<'a> {
    /// See [`Handler::on_start`].
    Start,
    /// See [`Handler::on_audio`].
    Audio(Audio<'a>),
    /// See [`Handler::on_dtmf`].
    Dtmf(DtmfDigit),
    /// See [`Handler::on_mark`].
    Mark(u64, MarkOutcome),
    /// See [`Handler::on_ignored`].
    Ignored(Frame<'a>),
    /// See [`Handler::on_exception`].
    Exception(&'a Exception),
    /// See [`Handler::on_shutdown`].
    Shutdown,
    /// See [`Handler::on_resume`].
    Resume,
    /// See [`Handler::on_end`].
    End(End),
}

/// Forwards each method, so a wrapper may call any of them.
impl<H: Handler + ?Sized> Handler for Box<H> {
    fn on_event<'a>(&mut self, call: &mut Call<'_>, event: HandlerEvent<'a>) -> Response<'a> {
        (**self).on_event(call, event)
    }

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

    fn hand_over(&mut self, call: &Call<'_>) -> Option<Vec<u8>> {
        (**self).hand_over(call)
    }

    fn on_resume(&mut self, call: &mut Call<'_>) {
        (**self).on_resume(call);
    }
}

/// Accepts or refuses each call, and makes its handler. All connections of a server share it.
///
/// A closure is an acceptor: see [`acceptor_fn`]. The [`Admission`](crate::Admission) refuses peers and UUIDs before
/// the acceptor runs.
pub trait Acceptor: Send + Sync + 'static {
    /// The handler of an accepted call.
    type Handler: Handler;

    /// Accepts a call and returns its handler, or refuses it. A refused caller gets a hangup.
    ///
    /// # Errors
    ///
    /// The reason for the refusal, for the log.
    fn accept(&self, request: &CallRequest<'_>) -> Result<Self::Handler, Refusal>;

    /// Makes the handler of a call that another process hands over, from the state that [`Handler::hand_over`] returned
    /// there. A refused call stays in the other process. Default: refuses.
    ///
    /// The handover can still fail after this. So have no effect here, but in [`Handler::on_resume`].
    ///
    /// # Errors
    ///
    /// The reason for the refusal, for the log.
    fn take_over(&self, request: &CallRequest<'_>, state: &[u8]) -> Result<Self::Handler, Refusal> {
        let _ = (request, state);
        Err(Refusal::new("this server takes over no calls"))
    }

    /// Called for an error on a connection that did not become a call. The connection sent no UUID, or a frame that is
    /// not a UUID, or [`accept`](Self::accept) or [`Admission::admit_peer`](crate::Admission::admit_peer) panicked.
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

/// Makes an acceptor from a closure. The argument of the closure then needs no type annotation.
///
/// ```
/// # use audiosocket_server::{Callbacks, Refusal, acceptor_fn};
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

/// A call whose UUID has arrived, before it is accepted or refused.
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
    /// Returns the [announced](crate::ExpectedCalls::announce) metadata of the call. Returns `None` if the server has no
    /// expected calls, or if their metadata is not an `M`.
    #[must_use]
    pub fn metadata<M: Send + Sync + 'static>(&self) -> Option<Arc<M>> {
        self.handle.metadata()
    }
}

/// The reason for which a peer or a call was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(Cow<'static, str>);

impl Refusal {
    /// Makes a refusal with a reason for the log. The caller does not get the reason.
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
