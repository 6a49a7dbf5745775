use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use audiosocket_server::io::LogRateLimit;

use crate::queue::{CallId, PathOf, QueueLimits, WriterMessage, WriterQueue};
use crate::recording::{Context, Recording, RecordingSettings};
use crate::storage::Storage;

/// The time between two updates of all files. A crash loses this time or a second of audio.
const TICK: Duration = Duration::from_secs(1);

/// Starts the thread that writes all recordings. They share a disk, so more threads would not be
/// faster.
pub(crate) fn start(
    storage: impl Storage,
    settings: RecordingSettings,
    limits: QueueLimits,
    path_of: Option<PathOf>,
) -> io::Result<(WriterQueue, JoinHandle<()>)> {
    let (sender, messages) = mpsc::channel();
    let queue = WriterQueue::new(sender.clone(), limits, path_of, settings.sides);
    let state = WriterState {
        context: Context {
            storage,
            settings,
            error_lines: LogRateLimit::new(),
        },
        queue: queue.clone(),
        recordings: HashMap::new(),
    };
    let thread = thread::Builder::new().name("recorder".to_owned());
    Ok((queue, thread.spawn(move || state.run(&messages, &sender))?))
}

/// The state of the writer thread.
struct WriterState<S: Storage> {
    context: Context<S>,
    queue: WriterQueue,
    recordings: HashMap<CallId, Recording<S>>,
}

impl<S: Storage> WriterState<S> {
    fn run(mut self, messages: &Receiver<WriterMessage>, sender: &Sender<WriterMessage>) {
        let mut due = Some(Instant::now() + TICK);
        loop {
            let now = Instant::now();
            // The tick is in the queue behind earlier audio. Otherwise a recording that is behind would
            // count its unread audio as a gap.
            if due.is_some_and(|due| due <= now) && sender.send(WriterMessage::Tick(now)).is_ok() {
                due = None;
            }
            let wait = due.map_or(TICK, |due| due - now);
            match messages.recv_timeout(wait) {
                Ok(WriterMessage::Start(id, start, _permit)) => {
                    let recording = Recording::new(start, &self.context.settings);
                    self.recordings.insert(id, recording);
                }
                Ok(WriterMessage::Frame(id, side, frame, _permit)) => {
                    if let Some(recording) = self.recordings.get_mut(&id) {
                        recording.push(&self.context, side, frame);
                    }
                }
                Ok(WriterMessage::ServerLost(id, frames, _permit)) => {
                    if let Some(recording) = self.recordings.get_mut(&id) {
                        recording.count_lost(frames);
                    }
                }
                Ok(WriterMessage::End(id, at, lost, _permit)) => {
                    if let Some(recording) = self.recordings.remove(&id) {
                        self.finish(recording, at, lost);
                    }
                }
                Ok(WriterMessage::Tick(at)) => {
                    for recording in self.recordings.values_mut() {
                        recording.tick(&self.context, at);
                    }
                    due = Some(Instant::now() + TICK);
                }
                Ok(WriterMessage::Shutdown(at)) => {
                    for (_, recording) in std::mem::take(&mut self.recordings) {
                        self.finish(recording, at, 0);
                    }
                    return;
                }
                // This thread has a sender too, so the channel never disconnects.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }

    fn finish(&self, mut recording: Recording<S>, at: Instant, lost: u64) {
        recording.finish(&self.context, at, lost);
        recording.count(&mut self.queue.stats());
    }
}

#[cfg(test)]
mod tests;
