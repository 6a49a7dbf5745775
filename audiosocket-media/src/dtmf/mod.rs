//! Keys whose tones are in the audio (DTMF, ITU-T Q.23): detect them, make them, and report each key once.
//!
//! Asterisk sends a key as a frame of its own from 20.14, 21.9, 22.4 and 23.0 on. The frame comes if the caller's trunk
//! sends keys as events (RFC 4733, SIP INFO), or if Asterisk detects the tones itself. On all other calls, the key is only a
//! sum of two tones in the audio:
//!
//! | | 1209 Hz | 1336 Hz | 1477 Hz | 1633 Hz |
//! |---|---|---|---|---|
//! | 697 Hz | 1 | 2 | 3 | A |
//! | 770 Hz | 4 | 5 | 6 | B |
//! | 852 Hz | 7 | 8 | 9 | C |
//! | 941 Hz | * | 0 | # | D |
//!
//! - [`KeyInput`] takes the audio of a call and its frames of keys, and returns each press once. A bot needs only this type.
//! - [`DtmfDetector`] finds the tones, with their positions and durations.
//! - [`dtmf_tones`] makes tones, for example to send keys to a machine. Asterisk accepts no frames of keys from a server.
//!
//! Levels are in dBm0 for each tone. A sine at full scale of 16 bits has +3.14 dBm0 (G.711), so 0 dBm0 is -3.14 dB of full
//! scale.
//!
#![doc = include_str!("../../docs/dtmf.md")]

mod detector;
mod key_input;
mod spectrum;
mod tones;

pub use detector::{DtmfDetector, DtmfEvent};
pub use key_input::KeyInput;
pub use tones::{DtmfToneOptions, UnknownKey, dtmf_tones};

use audiosocket_proto::DtmfDigit;

/// The frequencies of the rows, in Hz.
const LOW: [u32; 4] = [697, 770, 852, 941];

/// The frequencies of the columns, in Hz.
const HIGH: [u32; 4] = [1_209, 1_336, 1_477, 1_633];

/// The keys, row by row.
const KEYS: &[u8; 16] = b"123A456B789C*0#D";

/// The peak of a sine at 0 dBm0: 3.14 dB below 32,768.
const ZERO_DBM0: f32 = 22_827.0;

/// Returns the key of a row and a column.
fn key_at(row: usize, column: usize) -> DtmfDigit {
    DtmfDigit::new(KEYS[4 * row + column]).expect("all keys are DTMF keys")
}

/// Returns the frequencies of a key, in Hz.
fn frequencies(digit: DtmfDigit) -> (u32, u32) {
    let at = KEYS.iter().position(|key| *key == digit.as_byte());
    let at = at.expect("all keys are in the table");
    (LOW[at / 4], HIGH[at % 4])
}

/// Returns the power of a level in dBm0, if 1 is 0 dBm0.
fn power_of(dbm0: f32) -> f32 {
    10_f32.powf(dbm0 / 10.0)
}
