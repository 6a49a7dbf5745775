//! A stand-in for a speech synthesiser. The examples share this file.

use std::time::Duration;

use audiosocket_media::tone;
use audiosocket_tokio::{AudioBuf, SampleRate};

/// Each word of `text` is a beep of 150 ms and a pause of 100 ms.
pub(crate) fn synthesise(text: &str, rate: SampleRate) -> AudioBuf {
    let mut word = tone(rate, 600, Duration::from_millis(150));
    word.resize(rate.samples_in(Duration::from_millis(250)) as usize, 0);
    AudioBuf::from_samples(rate, &word.repeat(text.split_whitespace().count()))
}
