use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use crate::{Acceptor, Call, CallRequest, Exception, Handler, Peer, Refusal, Response};
use audiosocket_proto::{Audio, DtmfDigit, End};

type OnAudio = dyn for<'a> Fn(Uuid, &Peer, Audio<'a>) -> Response<'a> + Send + Sync;
type OnException = dyn Fn(Option<Uuid>, &Peer, &Exception) + Send + Sync;
type OnDtmf = dyn Fn(Uuid, &Peer, DtmfDigit) -> Response<'static> + Send + Sync;
type Accept = dyn Fn(&CallRequest<'_>) -> Result<(), Refusal> + Send + Sync;

/// An acceptor and handler made of closures, which all calls share. The two closures `on_audio` and `on_exception` have the
/// contract of the asyncio module `audiosocket`.
///
/// - `on_audio(uuid, peer, audio)` gets each audio payload, unchanged. Its [`Response`] is sent. **An empty answer hangs
///   up.** Empty audio means that the call is over. It comes exactly once for each call, after all other callbacks of
///   the call. Its answer has no effect.
/// - `on_exception(uuid, peer, error)` gets errors. `uuid` is `None` if the connection did not become a call. Then there is
///   no empty audio. An ordinary end is not an error: the peer hangs up, closes, or resets the connection between two
///   frames. Asterisk resets some connections when the caller hangs up (see
///   [`End::Reset`](audiosocket_proto::End::Reset)).
///
/// If an error ends a call, `on_exception` comes first, and the empty audio last. (The Python module reports a lost
/// connection in the other order. Then the last `on_audio` may have removed the state of the call already.)
///
/// ```
/// # use audiosocket_server::Callbacks;
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
    /// Makes a server from the two closures.
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

    /// Sets a closure for key presses. Its answer is sent in the same way as the answer to audio.
    #[must_use]
    pub fn on_dtmf<D>(mut self, on_dtmf: D) -> Self
    where
        D: Fn(Uuid, &Peer, DtmfDigit) -> Response<'static> + Send + Sync + 'static,
    {
        self.on_dtmf = Some(Arc::new(on_dtmf));
        self
    }

    /// Sets a closure that accepts or refuses each call after its UUID has arrived. A refused call has no other callback.
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
