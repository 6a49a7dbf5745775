use bytes::Bytes;

use audiosocket_proto::{Audio, AudioBuf, SampleRate};

/// The answer of a callback. `into()` makes one from these types:
///
/// | from | effect |
/// |---|---|
/// | `()`, `None` | nothing is sent |
/// | [`Audio`] | sent as one frame of the same rate: `audio.into()` is an echo |
/// | `&[u8]`, `Vec<u8>`, [`Bytes`] | sent as one frame of 8 kHz slin, 1 to 65,535 bytes |
/// | [`AudioBuf`], `(SampleRate, Bytes)` | sent as one frame of that rate |
///
/// Empty audio sends nothing. (In [`Callbacks`](crate::Callbacks) it hangs up.) Audio of more than 65,535 bytes is not
/// sent: [`on_exception`](crate::Handler::on_exception) gets an error, and the call goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Response<'a> {
    /// Send nothing.
    #[default]
    Nothing,
    /// Send this audio, borrowed from the event.
    Audio(Audio<'a>),
    /// Send this audio.
    Owned(AudioBuf),
    /// End the call.
    Hangup,
}

impl Response<'_> {
    /// Replaces empty audio by a hangup.
    pub(crate) fn hang_up_if_empty(self) -> Self {
        match &self {
            Self::Audio(audio) if audio.is_empty() => Self::Hangup,
            Self::Owned(audio) if audio.is_empty() => Self::Hangup,
            _ => self,
        }
    }
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
        Self::Owned(AudioBuf::new(SampleRate::Hz8000, payload))
    }
}

impl From<Bytes> for Response<'_> {
    fn from(payload: Bytes) -> Self {
        Self::Owned(AudioBuf::new(SampleRate::Hz8000, payload))
    }
}

impl From<AudioBuf> for Response<'_> {
    fn from(audio: AudioBuf) -> Self {
        Self::Owned(audio)
    }
}

impl From<(SampleRate, Bytes)> for Response<'_> {
    fn from(audio: (SampleRate, Bytes)) -> Self {
        Self::Owned(audio.into())
    }
}

impl<'a, T: Into<Self>> From<Option<T>> for Response<'a> {
    fn from(response: Option<T>) -> Self {
        response.map_or(Self::Nothing, Into::into)
    }
}
