use audiosocket_media::{AudioDecoder, Codec, SampleRate};
use audiosocket_tokio::Call;
use clap::Args;

/// What the frames of kind `0x10` of all calls carry.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(super) struct InputOptions {
    /// Sample rate of slin in kind 0x10, in Hz [default: measured]
    #[arg(long, value_name = "HZ", help_heading = "Runtime", hide = true, value_parser = parse_rate)]
    pub(super) input_rate: Option<SampleRate>,
}

fn parse_rate(text: &str) -> Result<SampleRate, String> {
    let hz = text.parse().ok();
    let mut rates = SampleRate::ALL.into_iter();
    rates.find(|rate| Some(rate.hz()) == hz).ok_or_else(|| {
        "the rates are 8000, 12000, 16000, 24000, 32000, 44100, 48000, 96000, 192000".to_owned()
    })
}

impl InputOptions {
    pub(super) fn decoder(self) -> AudioDecoder {
        match self.input_rate {
            Some(rate) => AudioDecoder::new().with_input_rate(rate),
            None => AudioDecoder::new(),
        }
    }

    /// Returns a decoder for a call whose codec is known.
    pub(super) fn decoder_of(self, codec: Codec) -> AudioDecoder {
        match self.input_rate {
            Some(_) => self.decoder(),
            None => AudioDecoder::new().with_codec(codec),
        }
    }
}

/// Logs what the operator should change, once for each call. Reports a codec other than slin when it becomes known:
/// `reported` is the codec of the frame before.
pub(super) fn report(decoder: &mut AudioDecoder, reported: &mut Option<Codec>, call: &Call<'_>) {
    if let Some(warning) = decoder.take_warning() {
        tracing::warn!(uuid = %call.uuid(), "{warning}");
    }
    let codec = decoder.codec();
    if codec != *reported {
        *reported = codec;
        if let Some(codec) = codec.filter(|codec| *codec != Codec::Slin) {
            call.set_codec(codec.format_name());
        }
    }
}
