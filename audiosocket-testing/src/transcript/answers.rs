use std::fmt;
use std::sync::Arc;

use audiosocket_proto::{Audio, DtmfDigit};
use audiosocket_server::{Acceptor, Call, CallRequest, Handler, Refusal, Response};

type OnAudio = dyn for<'a> Fn(&mut Call<'_>, Audio<'a>) -> Response<'a> + Send + Sync;
type OnDtmf = dyn Fn(&mut Call<'_>, DtmfDigit) -> Response<'static> + Send + Sync;
type Accept = dyn Fn(&CallRequest<'_>) -> Result<(), Refusal> + Send + Sync;

/// An acceptor made of closures, for tests. Without closures it accepts each call and sends no answer.
#[derive(Clone)]
pub struct Answers {
    on_audio: Arc<OnAudio>,
    on_dtmf: Arc<OnDtmf>,
    accept: Arc<Accept>,
}

/// The handler of [`Answers`].
#[derive(Debug)]
pub struct Answering(Answers);

impl Answers {
    /// Returns an acceptor that accepts each call and sends no answer.
    #[must_use]
    pub fn new() -> Self {
        Self {
            on_audio: Arc::new(|_, _| Response::Nothing),
            on_dtmf: Arc::new(|_, _| Response::Nothing),
            accept: Arc::new(|_| Ok(())),
        }
    }

    /// Sets the answer to audio.
    #[must_use]
    pub fn on_audio(
        mut self,
        on_audio: impl for<'a> Fn(&mut Call<'_>, Audio<'a>) -> Response<'a> + Send + Sync + 'static,
    ) -> Self {
        self.on_audio = Arc::new(on_audio);
        self
    }

    /// Sets the answer to key presses.
    #[must_use]
    pub fn on_dtmf(
        mut self,
        on_dtmf: impl Fn(&mut Call<'_>, DtmfDigit) -> Response<'static> + Send + Sync + 'static,
    ) -> Self {
        self.on_dtmf = Arc::new(on_dtmf);
        self
    }

    /// Sets the function that accepts or refuses calls.
    #[must_use]
    pub fn accept(
        mut self,
        accept: impl Fn(&CallRequest<'_>) -> Result<(), Refusal> + Send + Sync + 'static,
    ) -> Self {
        self.accept = Arc::new(accept);
        self
    }
}

impl Default for Answers {
    fn default() -> Self {
        Self::new()
    }
}

impl Acceptor for Answers {
    type Handler = Answering;

    fn accept(&self, request: &CallRequest<'_>) -> Result<Answering, Refusal> {
        (self.accept)(request)?;
        Ok(Answering(self.clone()))
    }
}

impl Handler for Answering {
    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        (self.0.on_audio)(call, audio)
    }

    fn on_dtmf(&mut self, call: &mut Call<'_>, digit: DtmfDigit) -> Response<'static> {
        (self.0.on_dtmf)(call, digit)
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").finish_non_exhaustive()
    }
}
