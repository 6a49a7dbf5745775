//! Audio functions for AudioSocket servers and voice bots: G.711, resampling, audio files, prompts, and detection of
//! speech. The crate has no sockets and no runtime, and works with every adapter.
//!
//! This example loads a prompt for calls of any sample rate, and detects when a caller starts to speak:
//!
//! ```
//! use std::time::Duration;
//!
//! use audiosocket_media::vad::{EnergyOptions, EnergyVad, VadEvent};
//! use audiosocket_media::{Prompt, SampleRate, tone};
//!
//! let rate = SampleRate::Hz8000;
//! let beep = Prompt::from_samples(rate, tone(rate, 440, Duration::from_millis(200)));
//! // `call.play(audio).await?` plays it on a call that has 16 kHz audio.
//! let audio = beep.at(SampleRate::Hz16000);
//! assert_eq!(audio.samples().count(), 3_200);
//!
//! let mut vad = EnergyVad::new(rate, EnergyOptions::default());
//! let mut events = Vec::new();
//! // On a call, push the samples of each frame.
//! vad.push(&[0; 800], &mut events);
//! vad.push(&[3_000, -3_000].repeat(400), &mut events);
//! assert!(matches!(events[..], [VadEvent::SpeechStarted { at: 800, .. }]));
//! ```
//!
//! # What you can do
//!
//! - Play a file to calls of any sample rate: [`Prompt`].
//! - Read an audio file or a stream of speech: [`mod@file`].
//! - Write a recording as a WAV file: [`wav`].
//! - Decode and encode µ-law and A-law: [`Law`]. A frame of kind `0x10` holds one of them when the dialplan uses `Dial`
//!   without `c(slin)`.
//! - Get samples of any call, whatever its frames of kind `0x10` carry: [`AudioDecoder`].
//! - Find out the codec of a call, and decode nothing: [`CodecDetector`].
//! - Change the sample rate of a call's audio: [`Resampler`].
//! - Convert samples to bytes or floats, and mix channels: [`pcm`].
//! - Decide when the caller interrupts the bot, despite echo, noise and tones: [`barge_in`].
//! - Detect when the caller speaks: [`vad`].
//! - Take keys whose tones are in the audio, and make such tones: [`dtmf`].
//! - Make a tone: [`tone()`]. Dial, ringback, busy and congestion tones of a country: [`tones`].
//!
//! # State
//!
//! [`Resampler`], [`AudioDecoder`] and the detectors in [`vad`] and [`dtmf`] keep state. Make one of each for each call and
//! direction, and push every frame in order. The result does not depend on how the audio is cut into frames.
//!
//! # Features
//!
//! - `earshot`: `vad::SpeechVad`, a detector of speech with a small neural network.
//!
#![doc = include_str!("../docs/cost.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod barge_in;
pub mod dtmf;
pub mod file;
pub mod pcm;
pub mod tones;
pub mod vad;
pub mod wav;

mod biquad;
mod codec;
mod dot_product;
mod g711;
mod g722;
mod prompt;
mod resample;
mod tone;

pub use audiosocket_proto::SampleRate;

pub use codec::{AudioDecoder, AudioWarning, Codec, CodecDetector, Decoded};
pub use g711::{Encoding, Law};
pub use prompt::Prompt;
pub use resample::{Resampler, UnsupportedRate};
pub use tone::tone;

/// The README, whose example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct MediaReadme;
