//! Keys that come as tones in the caller's audio.

use std::time::Instant;

use audiosocket_media::dtmf::KeyInput;
use audiosocket_media::{AudioDecoder, Decoded};
use audiosocket_server::HandlerEvent;
use audiosocket_tokio::{Audio, Call, DtmfDigit, Handler, Response};
use clap::Args;

use super::input_options::InputOptions;

#[derive(Args, Clone, Copy, Debug)]
pub(super) struct InbandKeyOptions {
    /// Take no tones in the caller's audio for keys
    #[arg(long, help_heading = "Runtime", hide = true)]
    no_inband_keys: bool,
}

impl InbandKeyOptions {
    /// Returns these options, or ignores all tones if keys are not `wanted`.
    pub(super) fn only_if(mut self, wanted: bool) -> Self {
        self.no_inband_keys |= !wanted;
        self
    }

    /// Wraps the handler of one call.
    pub(super) fn wrap<H>(self, caller: InputOptions, handler: H) -> InbandKeys<H> {
        let keys = (!self.no_inband_keys).then(|| CallerKeys {
            decoder: caller.decoder(),
            input: KeyInput::new(),
            pressed: Vec::new(),
        });
        InbandKeys { handler, keys }
    }
}

/// Gives a handler each key once, whether it comes as tones, as a frame, or both ways.
#[derive(Debug)]
pub(super) struct InbandKeys<H> {
    handler: H,
    /// `None` if only frames are keys.
    keys: Option<CallerKeys>,
}

#[derive(Debug)]
struct CallerKeys {
    decoder: AudioDecoder,
    input: KeyInput,
    /// The keys in the last audio; kept for its memory.
    pressed: Vec<DtmfDigit>,
}

impl CallerKeys {
    fn push(&mut self, audio: Audio<'_>, now: Instant) {
        if let Decoded::Samples { rate, samples } = self.decoder.push(audio, now) {
            self.input
                .push_samples(rate, samples, now, &mut self.pressed);
        }
    }
}

impl<H: Handler> Handler for InbandKeys<H> {
    /// An answer to a key replaces the answer to the audio that has its tones.
    fn on_event<'a>(&mut self, call: &mut Call<'_>, event: HandlerEvent<'a>) -> Response<'a> {
        if let Some(keys) = &mut self.keys {
            match event {
                HandlerEvent::Audio(audio) => {
                    keys.push(audio, Instant::now());
                    for digit in keys.pressed.drain(..) {
                        tracing::debug!(uuid = %call.uuid(), %digit, "key pressed: its tones came");
                        let response = self.handler.on_event(call, HandlerEvent::Dtmf(digit));
                        if !matches!(response, Response::Nothing) {
                            return response;
                        }
                    }
                }
                HandlerEvent::Dtmf(digit)
                    if keys.input.push_frame(digit, Instant::now()).is_none() =>
                {
                    return Response::Nothing;
                }
                _ => {}
            }
        }
        self.handler.on_event(call, event)
    }
}
