use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use crate::{Acceptor, Call, CallRequest, Exception, Handler, Peer, Refusal, Response};
use audiosocket_proto::{Audio, DtmfDigit, End};

type OnAudio = dyn for<'a> Fn(Uuid, &Peer, Audio<'a>) -> Response<'a> + Send + Sync;
type OnException = dyn Fn(Option<Uuid>, &Peer, &Exception) + Send + Sync;
type OnDtmf = dyn Fn(Uuid, &Peer, DtmfDigit) -> Response<'static> + Send + Sync;
type Accept = dyn Fn(&CallRequest<'_>) -> Result<(), Refusal> + Send + Sync;

/// A server made of closures, in the shape of the asynchronous Python module: `on_audio` and
/// `on_exception`, shared by all calls.
///
/// - `on_audio(uuid, peer, audio)` gets every audio payload as it came, and its answer is sent: see
///   [`Response`]. **An answer of no bytes hangs up.** Empty audio means that the call is over: it
///   comes exactly once for each call, and nothing of that call comes after it. Its answer has no
///   effect.
/// - `on_exception(uuid, peer, error)` gets errors. `uuid` is `None` if the connection did not become
///   a call; then there is no empty audio either. An ordinary end is no error: the peer hangs up,
///   closes, or resets the connection between two frames, as Asterisk does in some of the calls whose
///   caller hangs up (see [`End::Reset`](audiosocket_proto::End::Reset)).
///
/// When an error ends a call, `on_exception` comes first and the empty audio last. (The Python module
/// reports a lost connection in the other order, after the last `on_audio` may have cleaned up.)
///
/// ```
/// use audiosocket_server::Callbacks;
///
/// let echo = Callbacks::new(
///     |_uuid, _peer, audio| audio.into(),
///     |uuid, peer, error| eprintln!("{uuid:?} from {peer}: {error}"),
/// );
/// ```
#[derive(Clone)]
pub struct Callbacks {
    on_audio: Arc<OnAudio>,
    on_exception: Arc<OnException>,
    on_dtmf: Option<Arc<OnDtmf>>,
    accept: Option<Arc<Accept>>,
}

impl Callbacks {
    /// The two callbacks.
    pub fn new<A, E>(on_audio: A, on_exception: E) -> Self
    where
        A: for<'a> Fn(Uuid, &Peer, Audio<'a>) -> Response<'a> + Send + Sync + 'static,
        E: Fn(Option<Uuid>, &Peer, &Exception) + Send + Sync + 'static,
    {
        Self {
            on_audio: Arc::new(on_audio),
            on_exception: Arc::new(on_exception),
            on_dtmf: None,
            accept: None,
        }
    }

    /// Sets a callback for key presses. Its answer is sent as that to audio.
    #[must_use]
    pub fn on_dtmf<D>(mut self, on_dtmf: D) -> Self
    where
        D: Fn(Uuid, &Peer, DtmfDigit) -> Response<'static> + Send + Sync + 'static,
    {
        self.on_dtmf = Some(Arc::new(on_dtmf));
        self
    }

    /// Sets a callback that takes or refuses each call, once its UUID has come. No other callback is
    /// called for a refused call.
    #[must_use]
    pub fn accept_if<F>(mut self, accept: F) -> Self
    where
        F: Fn(&CallRequest<'_>) -> Result<(), Refusal> + Send + Sync + 'static,
    {
        self.accept = Some(Arc::new(accept));
        self
    }
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callbacks").finish_non_exhaustive()
    }
}

impl Acceptor for Callbacks {
    type Handler = Self;

    fn accept(&self, request: &CallRequest<'_>) -> Result<Self, Refusal> {
        if let Some(accept) = &self.accept {
            accept(request)?;
        }
        Ok(self.clone())
    }

    fn on_exception(&self, peer: &Peer, error: &Exception) {
        (self.on_exception)(None, peer, error);
    }
}

impl Handler for Callbacks {
    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        (self.on_audio)(call.uuid(), call.peer(), audio).hang_up_if_empty()
    }

    fn on_dtmf(&mut self, call: &mut Call<'_>, digit: DtmfDigit) -> Response<'static> {
        match &self.on_dtmf {
            Some(on_dtmf) => on_dtmf(call.uuid(), call.peer(), digit).hang_up_if_empty(),
            None => Response::Nothing,
        }
    }

    fn on_exception(&mut self, call: &mut Call<'_>, error: &Exception) {
        (self.on_exception)(Some(call.uuid()), call.peer(), error);
    }

    fn on_end(&mut self, call: &mut Call<'_>, _end: End) {
        let _ = (self.on_audio)(call.uuid(), call.peer(), Audio::default());
    }
}
