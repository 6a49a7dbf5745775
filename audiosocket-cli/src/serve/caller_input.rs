//! What a caller says and presses, for servers that play.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use audiosocket_media::barge_in::{BargeIn, BargeInEvent};
use audiosocket_media::dtmf::KeyInput;
use audiosocket_media::{AudioDecoder, Codec, Decoded};
use audiosocket_tokio::{Audio, Call, DtmfDigit};
use clap::Args;

use super::barge_in_args::BargeInPolicy;
use super::input_options::{InputOptions, report};

/// A pause ends if no audio of the caller comes for this time, because nothing else would end it. Some phones send
/// nothing while the caller is silent.
const LONGEST_GAP: Duration = Duration::from_millis(200);

#[derive(Args, Clone, Copy, Debug, Default)]
pub(super) struct InbandKeyOptions {
    /// Take no tones in the caller's audio for keys
    #[arg(long, help_heading = "Runtime", hide = true)]
    no_inband_keys: bool,
}

/// Detects speech that interrupts, and keys, whatever codec `Dial` passes on. Compressed audio is never speech, because it
/// has no samples.
#[derive(Debug)]
pub(super) struct CallerInput {
    decoder: AudioDecoder,
    codec: Option<Codec>,
    /// `None` if only frames are keys.
    keys: Option<KeyInput>,
    /// The keys whose tones came. The oldest is the first.
    pressed: Vec<DtmfDigit>,
    policy: BargeInPolicy,
    interruption: Arc<Mutex<Interruption>>,
    events: Vec<BargeInEvent>,
    /// The time at which the connection was accepted, by the clock of the call. `None` before [`start`](Self::start).
    accepted: Option<Instant>,
}

/// What the callbacks of a call share with the observer of its sent audio.
#[derive(Debug)]
struct Interruption {
    barge_in: BargeIn,
    /// While the playout is paused: when the pause ends if no audio of the caller comes, since the connection was accepted.
    paused_until: Option<Duration>,
}

fn lock(interruption: &Mutex<Interruption>) -> MutexGuard<'_, Interruption> {
    interruption.lock().unwrap_or_else(PoisonError::into_inner)
}

impl CallerInput {
    pub(super) fn new(
        caller: InputOptions,
        options: InbandKeyOptions,
        policy: BargeInPolicy,
    ) -> Self {
        let interruption = Interruption {
            barge_in: BargeIn::new(policy.options),
            paused_until: None,
        };
        Self {
            decoder: caller.decoder(),
            codec: None,
            keys: (!options.no_inband_keys).then(KeyInput::new),
            pressed: Vec::new(),
            policy,
            interruption: Arc::new(Mutex::new(interruption)),
            events: Vec::new(),
            accepted: None,
        }
    }

    /// Follows what `call` sends from now on. Its echo does not interrupt, and its first part is protected. A second time
    /// has no effect.
    pub(super) fn start(&mut self, call: &mut Call<'_>) {
        if self.accepted.is_some() {
            return;
        }
        let now = Instant::now();
        let accepted = now.checked_sub(call.duration()).unwrap_or(now);
        self.accepted = Some(accepted);
        let handle = call.handle();
        let interruption = Arc::clone(&self.interruption);
        call.observe_sent(move |frame| {
            let mut interruption = lock(&interruption);
            let at = accepted + frame.at;
            interruption.barge_in.played(frame.audio, at);
            if interruption
                .paused_until
                .is_some_and(|until| frame.at > until)
            {
                interruption.paused_until = None;
                handle.resume();
            }
        });
    }

    /// Takes audio that has just come on `call`. If it may be speech that interrupts, the call pauses until that is certain.
    /// Returns whether it interrupts: then clear the playout. `is_interruptible` is false if the call plays nothing that
    /// speech interrupts.
    pub(super) fn takes_audio(
        &mut self,
        call: &mut Call<'_>,
        audio: Audio<'_>,
        is_interruptible: bool,
    ) -> bool {
        self.push(audio, self.now(call));
        report(&mut self.decoder, &mut self.codec, call);
        let mut interruption = lock(&self.interruption);
        let mut interrupts = false;
        for event in self.events.drain(..) {
            match event {
                BargeInEvent::Suspected if is_interruptible && self.policy.pauses => {
                    call.pause();
                    interruption.paused_until = Some(Duration::ZERO);
                    tracing::debug!(uuid = %call.uuid(), "paused: the caller may speak");
                }
                BargeInEvent::Dismissed if interruption.paused_until.take().is_some() => {
                    call.resume();
                    tracing::debug!(uuid = %call.uuid(), "resumed: the caller does not speak");
                }
                BargeInEvent::Interrupted if is_interruptible => {
                    interruption.paused_until = None;
                    interrupts = true;
                }
                _ => {}
            }
        }
        if let Some(until) = &mut interruption.paused_until {
            *until = call.duration() + LONGEST_GAP;
        }
        interrupts
    }

    /// Takes the caller's next audio: appends keys to `pressed`, and what it says about speech to `events`.
    fn push(&mut self, audio: Audio<'_>, at: Instant) {
        let Decoded::Samples { rate, samples } = self.decoder.push(audio, at) else {
            return;
        };
        if let Some(keys) = &mut self.keys {
            keys.push_samples(rate, samples, at, &mut self.pressed);
        }
        if self.policy.options.interrupters.speech() {
            let barge_in = &mut lock(&self.interruption).barge_in;
            barge_in.push(rate, samples, at, &mut self.events);
        }
    }

    /// Returns the next key whose tones came in the audio.
    pub(super) fn next_key(&mut self, call: &Call<'_>) -> Option<DtmfDigit> {
        let digit = (!self.pressed.is_empty()).then(|| self.pressed.remove(0))?;
        tracing::debug!(uuid = %call.uuid(), %digit, "key pressed: its tones came");
        Some(digit)
    }

    /// Takes a frame of a key. Returns false if the tones of this press came before.
    pub(super) fn takes_key(&mut self, call: &Call<'_>, digit: DtmfDigit) -> bool {
        let at = self.now(call);
        let Some(keys) = &mut self.keys else {
            return true;
        };
        keys.push_frame(digit, at).is_some()
    }

    /// Returns the time by the clock of the call.
    fn now(&self, call: &Call<'_>) -> Instant {
        let now = |accepted| accepted + call.duration();
        self.accepted.map_or_else(Instant::now, now)
    }

    /// Returns whether a key interrupts now.
    pub(super) fn key_interrupts(&self) -> bool {
        lock(&self.interruption).barge_in.key_interrupts()
    }
}

#[cfg(test)]
mod tests;
