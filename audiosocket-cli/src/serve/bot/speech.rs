use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_media::SampleRate;
use audiosocket_tokio::CallHandle;

use super::espeak::{self, SpeechError};
use crate::serve::prompt::Prompt;

/// How many processes run at once.
const WORKERS: usize = 2;

/// How many calls may wait for one of them.
const QUEUE: usize = 64;

/// How many texts that were spoken are kept. One of 16 digits takes half a megabyte at 16 kHz.
const KEPT: usize = 64;

/// Speaks texts, on threads of its own.
#[derive(Debug)]
pub(super) struct Speech {
    voice: Arc<Voice>,
    places: SyncSender<Weak<Mutex<Waiting>>>,
}

#[derive(Debug)]
struct Voice {
    name: String,
    rate: SampleRate,
    timeout: Duration,
    spoken: Mutex<Spoken>,
}

/// A call's place among those that wait: whatever a caller asks for, and however often, it is one
/// place. Who drops it waits no more.
#[derive(Debug, Default)]
pub(super) struct Place(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    queued: bool,
    /// `None` if the call has gone on.
    job: Option<Job>,
}

/// Sets its mark when it is dropped, answered or not, so that no call waits for nothing.
#[derive(Debug)]
struct Job {
    text: String,
    asked_at: Instant,
    answer: SyncSender<Result<Prompt, SpeechError>>,
    call: CallHandle,
    mark: u64,
}

/// What was spoken last, by text.
#[derive(Debug, Default)]
struct Spoken {
    prompts: HashMap<String, Prompt>,
    oldest_first: VecDeque<String>,
}

impl Speech {
    pub(super) fn start(voice: &str, rate: SampleRate, timeout: Duration) -> io::Result<Self> {
        let voice = Arc::new(Voice {
            name: voice.to_owned(),
            rate,
            timeout,
            spoken: Mutex::default(),
        });
        let (places, waiting) = mpsc::sync_channel(QUEUE);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..WORKERS {
            let (voice, waiting) = (Arc::clone(&voice), Arc::clone(&waiting));
            thread::Builder::new()
                .name("speech".to_owned())
                .spawn(move || {
                    while let Some(place) = next(&waiting) {
                        // Not if the call has gone on, or is over.
                        if let Some(job) = place.upgrade().and_then(|place| take(&place)) {
                            job.answer(&voice);
                        }
                    }
                })?;
        }
        Ok(Self { voice, places })
    }

    /// Speaks `text` here and now, which takes a while.
    pub(super) fn speak(&self, text: &str) -> Result<Prompt, SpeechError> {
        self.voice.speak(text)
    }

    /// What `text` sounds like, if it was spoken lately.
    pub(super) fn spoken(&self, text: &str) -> Option<Prompt> {
        self.voice.spoken(text)
    }

    /// Has `text` spoken, and not what was asked for at this `place` before. What is returned has the
    /// result when `call` reaches `mark`, which it does at once when it is there, unless something is
    /// being played.
    pub(super) fn request(
        &self,
        place: &Place,
        text: String,
        call: CallHandle,
        mark: u64,
    ) -> Result<Receiver<Result<Prompt, SpeechError>>, SpeechError> {
        let (answer, result) = mpsc::sync_channel(1);
        let job = Job {
            text,
            asked_at: Instant::now(),
            answer,
            call,
            mark,
        };
        let mut waiting = lock(&place.0);
        if !waiting.queued {
            match self.places.try_send(Arc::downgrade(&place.0)) {
                Ok(()) => waiting.queued = true,
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                    return Err(SpeechError::Busy);
                }
            }
        }
        waiting.job = Some(job);
        Ok(result)
    }
}

impl Place {
    /// What was asked for is not wanted any more.
    pub(super) fn withdraw(&self) {
        lock(&self.0).job = None;
    }
}

type Places = Receiver<Weak<Mutex<Waiting>>>;

fn next(places: &Mutex<Places>) -> Option<Weak<Mutex<Waiting>>> {
    lock(places).recv().ok()
}

/// What the call waits for that is next.
fn take(place: &Mutex<Waiting>) -> Option<Job> {
    let mut waiting = lock(place);
    waiting.queued = false;
    waiting.job.take()
}

impl Job {
    fn answer(self, voice: &Voice) {
        let result = if let Some(prompt) = voice.spoken(&self.text) {
            Ok(prompt)
        } else if self.asked_at.elapsed() >= voice.timeout {
            Err(SpeechError::Busy)
        } else {
            let result = voice.speak(&self.text);
            if let Ok(prompt) = &result {
                voice.keep(self.text.clone(), prompt.clone());
            }
            result
        };
        // Whoever asked may have gone on, or hung up.
        let _ = self.answer.send(result);
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let _ = self.call.mark(self.mark);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Voice {
    fn speak(&self, text: &str) -> Result<Prompt, SpeechError> {
        let samples = espeak::speak(&self.name, text, self.rate, self.timeout)?;
        Prompt::new(self.rate, &samples).ok_or(SpeechError::Nothing)
    }

    fn spoken(&self, text: &str) -> Option<Prompt> {
        lock(&self.spoken).prompts.get(text).cloned()
    }

    fn keep(&self, text: String, prompt: Prompt) {
        lock(&self.spoken).keep(text, prompt);
    }
}

impl Spoken {
    fn keep(&mut self, text: String, prompt: Prompt) {
        if self.prompts.insert(text.clone(), prompt).is_none() {
            self.oldest_first.push_back(text);
        }
        if self.oldest_first.len() > KEPT
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.prompts.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_spoken_last_is_kept_and_no_more() {
        let prompt = Prompt::new(SampleRate::Hz8000, &[1]).expect("a sample");
        let mut spoken = Spoken::default();
        for number in 0..1_000 {
            spoken.keep(number.to_string(), prompt.clone());
            spoken.keep(number.to_string(), prompt.clone());
        }
        assert_eq!(
            (spoken.prompts.len(), spoken.oldest_first.len()),
            (KEPT, KEPT)
        );
        assert!((1_000 - KEPT..1_000).all(|kept| spoken.prompts.contains_key(&kept.to_string())));
    }
}
