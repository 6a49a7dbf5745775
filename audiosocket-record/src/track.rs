use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use audiosocket_media::SampleRate;
use audiosocket_proto::Audio;
use uuid::Uuid;

use crate::queue::{
    CallId, CallStart, LostAudio, MAX_EVENTS, QueueState, RecordedFrame, WriterMessage, WriterQueue,
};
use crate::quota::{QuotaPermit, Usage};
use crate::sides::{Side, Sides};

/// The bytes of a call that may always wait: three quarters of a second at 8 kHz. So a call that is
/// behind takes no quota from a call that is not.
pub(crate) const GUARANTEED_PER_CALL: usize = 16 * 1024;

/// The memory of a waiting frame without its audio, in bytes.
pub(crate) const FRAME_COST: usize = 128;

/// Lost audio becomes silence. The silence is at most this much longer than the time in which the audio
/// arrived, because audio may arrive in bursts. Without a limit, a caller could fill the disk with
/// silence.
const BURST: Duration = Duration::from_secs(1);

/// The recording of a call, from [`Recorder::track`](crate::Recorder::track). Its audio is that of the caller.
///
/// No method waits for the disk. If the disk is too slow and a
/// [limit](crate::RecorderBuilder::max_waiting_per_call) is reached, new audio is lost, and the
/// recording has silence of the same length.
///
/// Dropping a track ends the recording.
#[derive(Debug)]
pub struct Track {
    caller: SideTrack,
    finished: bool,
    /// The time at which the call stopped, while it may move to another process.
    left_at: Option<Instant>,
}

/// The frames of one side of a call, on their way to the writer.
#[derive(Debug)]
struct SideTrack {
    id: CallId,
    queue: WriterQueue,
    /// The name for error messages: the path, or the UUID.
    name: Arc<str>,
    /// Bytes of this call that wait.
    waiting: Usage,
    /// The rate of the latest audio.
    rate: SampleRate,
    /// The audio that was lost after the latest frame.
    lost: LostAudio,
    lost_since: Option<Instant>,
}

impl WriterQueue {
    /// Starts the recording of a call that begins at `now`, which is the current time.
    pub(crate) fn start_now(&self, uuid: Uuid, now: Instant) -> Result<Track, TrackError> {
        #[expect(clippy::disallowed_methods, reason = "only names of files have it")]
        self.start(uuid, now, SystemTime::now())
    }

    /// Starts the recording of a call. `at` and `utc` are the same time.
    pub(crate) fn start(
        &self,
        uuid: Uuid,
        at: Instant,
        utc: SystemTime,
    ) -> Result<Track, TrackError> {
        self.stats().started += 1;
        let path = self.shared.path_of.as_ref().map(|path_of| path_of.0(uuid));
        let start = CallStart {
            uuid,
            at,
            utc,
            path,
        };
        let name = start.name();
        let (permit, waiting) = self.event();
        let started = if waiting > MAX_EVENTS {
            Err(TrackError::DiskTooSlow)
        } else {
            let id = self.shared.next.fetch_add(1, Ordering::Relaxed);
            let sent = self.messages.send(WriterMessage::Start(id, start, permit));
            sent.map(|()| id).map_err(|_| TrackError::RecorderEnded)
        };
        match started {
            Ok(id) => Ok(Track::new(id, self.clone(), name)),
            Err(error) => {
                self.stats().note_error(&name, &error);
                Err(error)
            }
        }
    }
}

impl Track {
    fn new(id: CallId, queue: WriterQueue, name: String) -> Self {
        Self {
            caller: SideTrack::new(id, queue, name.into(), Usage::default()),
            finished: false,
            left_at: None,
        }
    }

    /// Notes that the call may move to another process. If the track is dropped then, the recording ends at `at`.
    pub(crate) fn leave(&mut self, at: Instant) {
        self.left_at = Some(at);
    }

    /// Notes that the call has not moved.
    pub(crate) fn stay(&mut self) {
        self.left_at = None;
    }

    /// Records the audio of one frame, of any length and rate, that arrived at `at`.
    ///
    /// `at` must not be earlier than in the call before.
    pub fn write(&mut self, at: Instant, audio: Audio<'_>) {
        self.caller.write(at, Side::Caller, audio);
    }

    /// Records that audio was lost: this many frames and bytes, at the rate of the audio before.
    ///
    /// The recording has silence of the same length. The silence is at most one second longer than the
    /// time from `at` to the next audio.
    pub fn write_lost(&mut self, at: Instant, frames: u64, bytes: u64) {
        self.caller.write_lost(at, frames, bytes);
    }

    /// Ends the recording at `at`, without waiting for the disk. Audio after this is ignored.
    pub fn finish(&mut self, at: Instant) {
        if !std::mem::replace(&mut self.finished, true) {
            let (permit, _) = self.caller.queue.event();
            let lost = self.caller.lost.frames;
            let end = WriterMessage::End(self.caller.id, at, lost, permit);
            self.caller.queue.send(end);
        }
    }

    /// Returns the track of the server's side of this call. Drop it before the track ends. It is `None` if the recorder
    /// records the caller only.
    pub(crate) fn server_side(&self) -> Option<ServerTrack> {
        let SideTrack {
            id,
            queue,
            name,
            waiting,
            ..
        } = &self.caller;
        let side = || {
            ServerTrack(SideTrack::new(
                *id,
                queue.clone(),
                name.clone(),
                waiting.clone(),
            ))
        };
        (queue.shared.sides != Sides::Caller).then(side)
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        self.finish(self.left_at.unwrap_or_else(Instant::now));
    }
}

/// The server's side of a recording.
#[derive(Debug)]
pub(crate) struct ServerTrack(SideTrack);

impl ServerTrack {
    /// Records the audio of a frame that left at `at`.
    pub(crate) fn write(&mut self, at: Instant, on_schedule: bool, audio: Audio<'_>) {
        self.0.write(at, Side::Server { on_schedule }, audio);
    }
}

impl Drop for ServerTrack {
    fn drop(&mut self) {
        let SideTrack {
            id, queue, lost, ..
        } = &self.0;
        if lost.frames > 0 {
            let (permit, _) = queue.event();
            queue.send(WriterMessage::ServerLost(*id, lost.frames, permit));
        }
    }
}

impl SideTrack {
    fn new(id: CallId, queue: WriterQueue, name: Arc<str>, waiting: Usage) -> Self {
        Self {
            id,
            queue,
            name,
            waiting,
            rate: SampleRate::Hz8000,
            lost: LostAudio::default(),
            lost_since: None,
        }
    }

    fn write(&mut self, at: Instant, side: Side, audio: Audio<'_>) {
        let (rate, payload) = (audio.rate(), audio.payload());
        // Lost audio keeps its length in time when the rate changes.
        let (old, new) = (u64::from(self.rate.hz()), u64::from(rate.hz()));
        self.lost.bytes = self.lost.bytes.saturating_mul(new) / old;
        self.rate = rate;
        let Some(permit) = self.permit(payload.len() + FRAME_COST) else {
            if self.lost.frames == 0 {
                let problem = "the disk is too slow";
                self.queue.stats().note_error(&self.name, &problem);
            }
            return self.write_lost(at, 1, payload.len() as u64);
        };
        let frame = RecordedFrame {
            at,
            rate,
            payload: payload.to_vec(),
            lost: self.take_lost(at),
        };
        self.queue
            .send(WriterMessage::Frame(self.id, side, frame, permit));
    }

    fn write_lost(&mut self, at: Instant, frames: u64, bytes: u64) {
        self.lost.frames += frames;
        self.lost.bytes = self.lost.bytes.saturating_add(bytes);
        self.lost_since.get_or_insert(at);
    }

    fn take_lost(&mut self, at: Instant) -> LostAudio {
        let mut lost = std::mem::take(&mut self.lost);
        if let Some(since) = self.lost_since.take() {
            let most = at.saturating_duration_since(since) + BURST;
            lost.bytes = lost.bytes.min(self.rate.samples_in(most).saturating_mul(2));
        }
        lost
    }

    fn permit(&self, bytes: usize) -> Option<QuotaPermit<2>> {
        let QueueState {
            limits, waiting, ..
        } = &*self.queue.shared;
        let usages = [self.waiting.clone(), waiting.clone()];
        let (permit, [of_call, of_all]) = QuotaPermit::take(bytes, usages);
        let most = if of_all > limits.all_calls {
            GUARANTEED_PER_CALL
        } else {
            limits.per_call
        };
        (of_call <= most).then_some(permit)
    }
}

/// The reason why a recording cannot start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrackError {
    /// The disk is too slow: 4,096 starts and ends of calls wait for it.
    DiskTooSlow,
    /// The recorder has ended.
    RecorderEnded,
}

impl fmt::Display for TrackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DiskTooSlow => {
                "too many recordings wait for the disk; use a faster disk or record fewer calls"
            }
            Self::RecorderEnded => "the recorder has ended",
        })
    }
}

impl Error for TrackError {}

#[cfg(test)]
mod tests;
