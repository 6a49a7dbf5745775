use std::time::Instant;

use audiosocket_media::{AudioDecoder, Codec, Decoded, Resampler, SampleRate, pcm};
use audiosocket_tokio::{Audio, Call, CallRequest, Handler, Refusal, Response};

use super::input_options::{InputOptions, log_warning};

/// Answers each piece of audio with itself. Needs no pacing: the caller's clock is the clock.
///
/// Asterisk takes slin only, so that other codecs are decoded, and compressed audio is not answered.
#[derive(Debug)]
pub(crate) struct Echo {
    decoder: AudioDecoder,
    /// Frames of kind `0x10` are slin at 8 kHz.
    is_plain: bool,
    /// Converts to the rate of kind `0x10`.
    resampler: Option<(SampleRate, Resampler)>,
    narrow: Vec<i16>,
    slin: Vec<u8>,
}

impl Echo {
    /// Accepts every call.
    pub(crate) fn accept(_: &CallRequest<'_>) -> Result<Self, Refusal> {
        Ok(Self::new(InputOptions::default()))
    }

    pub(super) fn new(caller: InputOptions) -> Self {
        Self {
            decoder: caller.decoder(),
            is_plain: false,
            resampler: None,
            narrow: Vec::new(),
            slin: Vec::new(),
        }
    }
}

impl Handler for Echo {
    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        if self.is_plain || audio.rate() != SampleRate::Hz8000 {
            return audio.into();
        }
        let narrow = SampleRate::Hz8000;
        let decoded = self.decoder.push(audio, Instant::now());
        let Decoded::Samples { rate, samples } = decoded else {
            log_warning(&mut self.decoder, call.uuid());
            return Response::Nothing;
        };
        self.slin.clear();
        let as_it_came = rate == narrow && samples.len() == audio.payload().len() / 2;
        if rate == narrow {
            pcm::to_slin(samples, &mut self.slin);
        } else {
            if self
                .resampler
                .as_ref()
                .is_none_or(|(from, _)| *from != rate)
            {
                self.resampler = Some((rate, Resampler::new(rate, narrow)));
            }
            if let Some((_, resampler)) = &mut self.resampler {
                self.narrow.clear();
                resampler.push(samples, &mut self.narrow);
                pcm::to_slin(&self.narrow, &mut self.slin);
            }
        }
        let is_slin = matches!(self.decoder.codec(), None | Some(Codec::Slin));
        self.is_plain = is_slin && rate == narrow && self.decoder.is_rate_known();
        log_warning(&mut self.decoder, call.uuid());
        if as_it_came && is_slin {
            return audio.into();
        }
        if !self.slin.is_empty()
            && let Err(error) = call.send(Audio::new(narrow, &self.slin))
        {
            tracing::debug!(uuid = %call.uuid(), %error, "not echoed");
        }
        Response::Nothing
    }
}
