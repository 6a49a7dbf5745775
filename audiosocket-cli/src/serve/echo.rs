use std::time::Instant;

use audiosocket_media::{AudioDecoder, Codec, Decoded, Law, Resampler, SampleRate, pcm};
use audiosocket_tokio::{Acceptor, Audio, Call, CallRequest, Handler, Refusal, Response};

use super::input_options::{InputOptions, report};

/// The rate of kind `0x10`.
const NARROW: SampleRate = SampleRate::Hz8000;

/// Answers each piece of audio with itself. Needs no pacing: the caller's clock is the clock.
///
/// Asterisk takes slin only, so that other codecs are decoded, and compressed audio is not answered.
#[derive(Debug)]
pub(crate) struct Echo {
    input: InputOptions,
    state: EchoState,
}

/// What is known of frames of kind `0x10`. A call without such frames, and a call with slin at 8 kHz, need no memory.
#[derive(Debug)]
enum EchoState {
    New,
    Converted(Box<Conversion>),
    /// The frames are slin at 8 kHz.
    Plain,
}

/// Decodes frames of kind `0x10` and converts them to their nominal rate.
#[derive(Debug)]
struct Conversion {
    decoder: AudioDecoder,
    codec: Option<Codec>,
    resampler: Option<(SampleRate, Resampler)>,
    narrow: Vec<i16>,
    slin: Vec<u8>,
}

impl Echo {
    /// Accepts every call.
    pub(crate) fn accept(_: &CallRequest<'_>) -> Result<Self, Refusal> {
        Ok(Self::new(InputOptions::default()))
    }

    pub(super) fn new(input: InputOptions) -> Self {
        Self {
            input,
            state: EchoState::New,
        }
    }
}

/// Accepts every call, and continues calls of other processes.
#[derive(Debug)]
pub(super) struct EchoAcceptor(InputOptions);

impl EchoAcceptor {
    pub(super) fn new(input: InputOptions) -> Self {
        Self(input)
    }
}

impl Acceptor for EchoAcceptor {
    type Handler = Echo;

    fn accept(&self, _: &CallRequest<'_>) -> Result<Echo, Refusal> {
        Ok(Echo::new(self.0))
    }

    fn take_over(&self, _: &CallRequest<'_>, state: &[u8]) -> Result<Echo, Refusal> {
        let mut echo = Echo::new(self.0);
        match state {
            [STATE, NEW] => {}
            [STATE, PLAIN] => echo.state = EchoState::Plain,
            [STATE, codec] => {
                let codec = CODECS.get(usize::from(*codec)).copied();
                let codec = codec.ok_or_else(|| Refusal::new("an unknown codec"))?;
                let conversion = Conversion::new(self.0.decoder_of(codec));
                echo.state = EchoState::Converted(Box::new(conversion));
            }
            _ => return Err(Refusal::new("the other process is not `serve echo`")),
        }
        Ok(echo)
    }
}

/// The first byte of the state of a call. No other server has it.
const STATE: u8 = b'e';
/// Nothing is known of the audio.
const NEW: u8 = 0xff;
/// The audio is slin at 8 kHz.
const PLAIN: u8 = 0xfe;
/// The codecs of frames of kind `0x10`. The state has the index.
const CODECS: [Codec; 11] = [
    Codec::Slin,
    Codec::G711(Law::Mu),
    Codec::G711(Law::A),
    Codec::G722,
    Codec::G726,
    Codec::Gsm,
    Codec::G729,
    Codec::Ilbc,
    Codec::Speex,
    Codec::Opus,
    Codec::Unknown,
];

impl Handler for Echo {
    fn hand_over(&mut self, _: &Call<'_>) -> Option<Vec<u8>> {
        let state = match &self.state {
            EchoState::New => NEW,
            EchoState::Plain => PLAIN,
            // The rate is measured again.
            EchoState::Converted(conversion) => {
                let codec = conversion.decoder.codec();
                let index = codec.and_then(|codec| CODECS.iter().position(|it| *it == codec));
                index.map_or(NEW, |index| index as u8)
            }
        };
        Some(vec![STATE, state])
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        if audio.rate() != NARROW {
            return audio.into();
        }
        if let EchoState::New = self.state {
            let conversion = Conversion::new(self.input.decoder());
            self.state = EchoState::Converted(Box::new(conversion));
        }
        let EchoState::Converted(conversion) = &mut self.state else {
            return audio.into();
        };
        let response = conversion.answer(call, audio);
        report(&mut conversion.decoder, &mut conversion.codec, call);
        if conversion.is_over() {
            self.state = EchoState::Plain;
        }
        response
    }
}

impl Conversion {
    fn new(decoder: AudioDecoder) -> Self {
        Self {
            decoder,
            codec: None,
            resampler: None,
            narrow: Vec::new(),
            slin: Vec::new(),
        }
    }

    fn answer<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        let Decoded::Samples { rate, samples } = self.decoder.push(audio, Instant::now()) else {
            return Response::Nothing;
        };
        self.slin.clear();
        let as_it_came = rate == NARROW && samples.len() == audio.payload().len() / 2;
        if rate == NARROW {
            pcm::to_slin(samples, &mut self.slin);
        } else {
            if self
                .resampler
                .as_ref()
                .is_none_or(|(from, _)| *from != rate)
            {
                self.resampler = Some((rate, Resampler::new(rate, NARROW)));
            }
            if let Some((_, resampler)) = &mut self.resampler {
                self.narrow.clear();
                resampler.push(samples, &mut self.narrow);
                pcm::to_slin(&self.narrow, &mut self.slin);
            }
        }
        if as_it_came && self.is_slin() {
            return audio.into();
        }
        if !self.slin.is_empty()
            && let Err(error) = call.send(Audio::new(NARROW, &self.slin))
        {
            tracing::debug!(uuid = %call.uuid(), %error, "not echoed");
        }
        Response::Nothing
    }

    fn is_slin(&self) -> bool {
        matches!(self.decoder.codec(), None | Some(Codec::Slin))
    }

    /// Whether all further frames are answered as they come.
    fn is_over(&self) -> bool {
        self.is_slin() && self.decoder.is_rate_known() && self.resampler.is_none()
    }
}
