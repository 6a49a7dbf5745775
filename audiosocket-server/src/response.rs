use bytes::Bytes;

use audiosocket_proto::{Audio, SampleRate};

/// The answer to a piece of audio.
///
/// Most are made by `into()`:
///
/// | from | what happens |
/// |---|---|
/// | `()`, `None` | nothing is sent |
/// | [`Audio`] | sent as one frame of the same rate: `audio.into()` is an echo |
/// | `&[u8]`, `Vec<u8>`, [`Bytes`] | sent as one frame of 8 kHz slin, 1 to 65,535 bytes |
/// | `(SampleRate, Bytes)` | sent as one frame of that rate |
/// | any of these, but of no bytes | hang up, the same as [`Response::Hangup`] |
///
/// Audio of more than 65,535 bytes is not sent; `on_exception` says so, and the call goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Response<'a> {
    /// Send nothing.
    #[default]
    Nothing,
    /// Send this, borrowed from what is answered or from the handler.
    Audio(Audio<'a>),
    /// Send this audio, in bytes of the given rate.
    Owned(SampleRate, Bytes),
    /// End the call.
    Hangup,
}

impl From<()> for Response<'_> {
    fn from((): ()) -> Self {
        Self::Nothing
    }
}

impl<'a> From<Audio<'a>> for Response<'a> {
    #[inline]
    fn from(audio: Audio<'a>) -> Self {
        Self::Audio(audio)
    }
}

impl<'a> From<&'a [u8]> for Response<'a> {
    fn from(payload: &'a [u8]) -> Self {
        Self::Audio(Audio::new(SampleRate::Hz8000, payload))
    }
}

impl From<Vec<u8>> for Response<'_> {
    fn from(payload: Vec<u8>) -> Self {
        Self::Owned(SampleRate::Hz8000, payload.into())
    }
}

impl From<Bytes> for Response<'_> {
    fn from(payload: Bytes) -> Self {
        Self::Owned(SampleRate::Hz8000, payload)
    }
}

impl From<(SampleRate, Bytes)> for Response<'_> {
    fn from((rate, payload): (SampleRate, Bytes)) -> Self {
        Self::Owned(rate, payload)
    }
}

impl<'a, T: Into<Self>> From<Option<T>> for Response<'a> {
    fn from(response: Option<T>) -> Self {
        response.map_or(Self::Nothing, Into::into)
    }
}
