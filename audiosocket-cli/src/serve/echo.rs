use audiosocket_tokio::{Audio, Call, CallRequest, Handler, Refusal, Response};

/// Answers each piece of audio with itself. Needs no pacing: the caller's clock is the clock.
#[derive(Debug)]
pub(crate) struct Echo;

impl Echo {
    /// Takes every call.
    pub(crate) fn accept(_: &CallRequest<'_>) -> Result<Self, Refusal> {
        Ok(Self)
    }
}

impl Handler for Echo {
    fn on_audio<'a>(&mut self, _: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        audio.into()
    }
}
