use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use audiosocket_net::LineBudget;

use crate::queue::{CallId, Queue, QueueLimits, WriterMessage};
use crate::recording::{Recording, Settings};
use crate::storage::Storage;
use crate::track::CallEnd;

/// How often files are brought up to date. A crash loses this or a second of audio.
const TICK: Duration = Duration::from_secs(1);

/// Starts the thread that writes all recordings. They share a disk, so that more threads would only
/// wait together.
pub(crate) fn start(
    storage: impl Storage,
    settings: Settings,
    limits: QueueLimits,
) -> io::Result<(Queue, JoinHandle<()>)> {
    let (sender, messages) = mpsc::channel();
    let queue = Queue::new(sender.clone(), limits);
    let state = WriterState {
        storage,
        settings,
        queue: queue.clone(),
        recordings: HashMap::new(),
        errors: LineBudget::new(),
    };
    let thread = thread::Builder::new().name("recorder".to_owned());
    Ok((queue, thread.spawn(move || state.run(&messages, &sender))?))
}

/// The state of the writer thread.
struct WriterState<S: Storage> {
    storage: S,
    settings: Settings,
    queue: Queue,
    recordings: HashMap<CallId, Recording<S>>,
    errors: LineBudget,
}

impl<S: Storage> WriterState<S> {
    fn run(mut self, messages: &Receiver<WriterMessage>, sender: &Sender<WriterMessage>) {
        let mut due = Some(Instant::now() + TICK);
        loop {
            let now = Instant::now();
            // The tick waits in the queue behind the audio that arrived before it. Otherwise a
            // recording that is behind would count its unread audio as a gap.
            if due.is_some_and(|due| due <= now) && sender.send(WriterMessage::Tick(now)).is_ok() {
                due = None;
            }
            let wait = due.map_or(TICK, |due| due - now);
            match messages.recv_timeout(wait) {
                Ok(WriterMessage::Start(id, start, _permit)) => {
                    let recording = Recording::new(start, self.settings);
                    self.recordings.insert(id, recording);
                }
                Ok(WriterMessage::Frame(id, frame, _permit)) => {
                    if let Some(recording) = self.recordings.get_mut(&id) {
                        recording.push(&self.storage, frame);
                        recording.log_failure(&self.errors);
                    }
                }
                Ok(WriterMessage::End(id, end, _permit)) => {
                    if let Some(recording) = self.recordings.remove(&id) {
                        self.finish(recording, end);
                    }
                }
                Ok(WriterMessage::Tick(at)) => {
                    self.tick(at);
                    due = Some(Instant::now() + TICK);
                }
                Ok(WriterMessage::Shutdown(at)) => {
                    for (_, recording) in std::mem::take(&mut self.recordings) {
                        self.finish(recording, CallEnd { at, lost: 0 });
                    }
                    return;
                }
                // This thread has a sender too, so that the channel never disconnects.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }

    fn tick(&mut self, now: Instant) {
        for recording in self.recordings.values_mut() {
            recording.tick(&self.storage, now);
            recording.log_failure(&self.errors);
        }
    }

    fn finish(&mut self, mut recording: Recording<S>, end: CallEnd) {
        let result = recording.finish(&self.storage, end);
        recording.log_failure(&self.errors);
        let mut stats = self.queue.stats();
        stats.ended += 1;
        stats.complete += u64::from(result.error.is_none() && result.lost == 0);
        stats.failed += u64::from(result.error.is_some());
        stats.files += u64::from(result.files);
        stats.lost_frames += result.lost;
        if let Some(error) = result.error {
            stats.first_error.get_or_insert(error);
        }
    }
}

#[cfg(test)]
mod tests;
