use audiosocket_tokio::{Audio, Call, CallRequest, Handler, Refusal, Response};

/// Sends each frame of audio back at once. It needs no playout: the audio comes at the pace of the caller.
#[derive(Debug)]
pub(crate) struct Echo;

impl Echo {
    /// Accepts every call.
    pub(crate) fn accept(_: &CallRequest<'_>) -> Result<Self, Refusal> {
        Ok(Self)
    }
}

impl Handler for Echo {
    fn on_audio<'a>(&mut self, _: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        audio.into()
    }
}
