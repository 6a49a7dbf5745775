use std::collections::VecDeque;
use std::time::Duration;

use audiosocket_proto::AudioBuf;

/// Follows a playout: which of the queued audio has left, and which has not.
///
/// It needs no event of the playout. The depth of the queue says how much has left:
///
/// ```
/// use audiosocket_media::SampleRate;
/// use audiosocket_media::barge_in::PlayedAudio;
/// use audiosocket_proto::AudioBuf;
/// use std::time::Duration;
///
/// let prompt = AudioBuf::from_samples(SampleRate::Hz8000, &[7; 8_000]);
/// let mut playing = PlayedAudio::new();
/// playing.queue(prompt); // and `call.try_play(prompt)`
///
/// // Later, `call.stats().playout.depth` is 980 ms: 20 ms have left.
/// let left = playing.left(Duration::from_millis(980));
/// assert_eq!(left[0].samples().len(), 160);
///
/// // `call.clear().duration` is 960 ms: this rest was not played. It can be played again.
/// let unheard = playing.clear(Duration::from_millis(960));
/// assert_eq!(unheard[0].duration(), Duration::from_millis(960));
/// ```
#[derive(Clone, Debug, Default)]
pub struct PlayedAudio {
    queued: VecDeque<AudioBuf>,
    duration: Duration,
    /// The audio that left before a clear.
    left: Vec<AudioBuf>,
}

impl PlayedAudio {
    /// Follows an empty playout.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds audio that was queued in the playout.
    pub fn queue(&mut self, audio: AudioBuf) {
        self.duration += audio.duration();
        self.queued.push_back(audio);
    }

    /// Returns the audio that has left since the last call. `depth` is the duration of the audio that waits now:
    /// `PlayoutStats::depth`.
    #[must_use]
    pub fn left(&mut self, depth: Duration) -> Vec<AudioBuf> {
        let mut left = std::mem::take(&mut self.left);
        while self.duration > depth
            && let Some(first) = self.queued.front_mut()
        {
            let duration = first.duration();
            let excess = self.duration - depth;
            if duration <= excess {
                self.duration -= duration;
                left.extend(self.queued.pop_front());
                continue;
            }
            // A part of a sample has not left.
            let len = first.rate().samples_in(excess) as usize * 2;
            if len > 0 {
                let part = first.split_to(len);
                self.duration = self.duration - duration + first.duration();
                left.push(part);
            }
            break;
        }
        left
    }

    /// Empties the queue, as `CallHandle::clear` does, and returns the audio in it. `unheard` is the duration that was
    /// cleared: `Dropped::duration`.
    pub fn clear(&mut self, unheard: Duration) -> Vec<AudioBuf> {
        self.left = self.left(unheard);
        self.duration = Duration::ZERO;
        self.queued.drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SampleRate;

    const MS: Duration = Duration::from_millis(1);

    fn audio(rate: SampleRate, first: i16, len: i16) -> AudioBuf {
        AudioBuf::from_samples(rate, &(first..first + len).collect::<Vec<_>>())
    }

    fn samples(pieces: &[AudioBuf]) -> Vec<i16> {
        pieces
            .iter()
            .flat_map(|piece| piece.samples().collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn pieces_leave_in_order_and_in_parts() {
        let mut playing = PlayedAudio::new();
        playing.queue(audio(SampleRate::Hz8000, 0, 80));
        playing.queue(audio(SampleRate::Hz16000, 80, 320));
        assert!(playing.left(30 * MS).is_empty(), "nothing has left");
        assert_eq!(samples(&playing.left(25 * MS)), (0..40).collect::<Vec<_>>());
        assert_eq!(
            samples(&playing.left(15 * MS)),
            (40..160).collect::<Vec<_>>()
        );
        playing.queue(audio(SampleRate::Hz8000, 400, 80));
        assert!(playing.left(25 * MS).is_empty());
        let unheard = playing.clear(20 * MS);
        assert_eq!(samples(&unheard), (240..480).collect::<Vec<_>>());
        assert_eq!(
            samples(&playing.left(Duration::ZERO)),
            (160..240).collect::<Vec<_>>()
        );
        assert!(playing.left(Duration::ZERO).is_empty());
    }

    #[test]
    fn a_deeper_queue_than_is_known_has_not_moved() {
        let mut playing = PlayedAudio::new();
        playing.queue(audio(SampleRate::Hz8000, 0, 160));
        assert!(playing.left(100 * MS).is_empty());
        assert_eq!(samples(&playing.left(Duration::ZERO)).len(), 160);
    }
}
