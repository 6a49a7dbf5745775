//! The actions of a caller at the times of its cues.

use std::collections::VecDeque;
use std::time::Instant;

use audiosocket_media::dtmf::{DtmfToneOptions, dtmf_tones};
use audiosocket_media::{Encoding, pcm};
use audiosocket_proto::{Frame, FrameKind, Header, Message, SampleRate, Uuid};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::client::Client;
use crate::load::config::Options;
use crate::load::cue::Cue;

/// The state that cues have left: audio to say, and a hold.
#[derive(Debug)]
pub(super) struct CuePlayer {
    uuid: Uuid,
    /// Samples that replace the signal.
    to_say: VecDeque<i16>,
    on_hold_until: Option<Instant>,
}

/// The numbers of digits and frames that a cue has queued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Queued {
    pub(super) digits: u64,
    pub(super) frames: u64,
}

impl CuePlayer {
    pub(super) fn new(uuid: Uuid) -> Self {
        Self {
            uuid,
            to_say: VecDeque::new(),
            on_hold_until: None,
        }
    }

    /// Does `cue`, which is due at `now`. The end of a call is found by the read side, so errors of the client have no
    /// effect here.
    pub(super) fn play<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        cue: &Cue,
        options: &Options,
        client: &mut Client<S>,
        now: Instant,
    ) -> Queued {
        let mut queued = Queued::default();
        match cue {
            Cue::Key(digit) => {
                queued.digits = u64::from(client.queue_dtmf(*digit).unwrap_or(true));
            }
            Cue::KeyTone(digit) => {
                let tones = DtmfToneOptions::default();
                let tones = dtmf_tones(&digit.to_string(), options.rate, tones);
                let tones = tones.expect("a digit is a key");
                self.to_say.extend(tones.samples());
                queued.digits = 1;
            }
            Cue::Say(samples) => self.to_say.extend(samples),
            Cue::Hold(time) => self.on_hold_until = Some(now + *time),
            Cue::Error(flags) => {
                let _ = client.queue(Message::Error(*flags));
            }
            Cue::SecondUuid => {
                let other = Uuid::from_u128(!self.uuid.as_u128());
                let _ = client.queue(Message::Uuid(other));
            }
            Cue::Frame { kind, payload } => {
                let bytes = wire_bytes(*kind, payload);
                if let Some(frame) = Frame::split_first(&mut &bytes[..])
                    && client.queue(Message::Unknown(frame)).is_ok()
                {
                    queued.frames = u64::from(SampleRate::from_kind(*kind).is_some());
                    queued.digits = u64::from(*kind == FrameKind::DTMF);
                }
            }
        }
        queued
    }

    /// Returns whether the call is on hold at `now`.
    pub(super) fn is_on_hold(&self, now: Instant) -> bool {
        self.on_hold_until.is_some_and(|until| now < until)
    }

    /// Whether nothing is left to say.
    pub(super) fn has_said_all(&self) -> bool {
        self.to_say.is_empty()
    }

    /// Replaces the samples of a frame of slin by those to say. Silence follows them in the frame.
    pub(super) fn overwrite(&mut self, frame: &mut Vec<u8>) {
        if self.to_say.is_empty() {
            return;
        }
        let samples = frame.len() / 2;
        let mut said: Vec<i16> = Vec::with_capacity(samples);
        said.extend(self.to_say.drain(..samples.min(self.to_say.len())));
        said.resize(samples, 0);
        frame.clear();
        pcm::to_slin(&said, frame);
    }
}

/// Returns the bytes of a frame. A payload that is too long is cut.
fn wire_bytes(kind: FrameKind, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let payload = &payload[..len.into()];
    [&Header { kind, len }.to_bytes()[..], payload].concat()
}

/// Encodes a frame of slin.
pub(super) fn encode(encoding: Encoding, frame: &mut Vec<u8>) {
    if let Encoding::G711(law) = encoding {
        let mut samples = Vec::with_capacity(frame.len() / 2);
        pcm::from_slin(frame, &mut samples);
        frame.clear();
        law.encode(&samples, frame);
    }
}

#[cfg(test)]
mod tests {
    use audiosocket_media::Law;

    use super::*;

    #[test]
    fn the_samples_to_say_replace_frames_until_they_are_said() {
        let mut player = CuePlayer::new(Uuid::nil());
        player.to_say.extend([1, 2, 3]);
        let mut said = Vec::new();
        for _ in 0..3 {
            let mut frame = vec![9, 0, 9, 0];
            player.overwrite(&mut frame);
            said.push(frame);
        }
        assert_eq!(said, [[1, 0, 2, 0], [3, 0, 0, 0], [9, 0, 9, 0]]);
    }

    #[test]
    fn a_frame_of_a_law_has_a_byte_for_each_sample() {
        let mut frame = vec![8, 0, 0xf8, 0xff];
        encode(Encoding::Slin, &mut frame);
        assert_eq!(frame.len(), 4);
        encode(Encoding::G711(Law::A), &mut frame);
        assert_eq!(frame, [0xd5, 0x55]);
    }
}
