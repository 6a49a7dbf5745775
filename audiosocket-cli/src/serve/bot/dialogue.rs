use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use audiosocket_media::SampleRate;
use audiosocket_proto::MarkOutcome;
use audiosocket_tokio::{Audio, Bytes, Call, DtmfDigit, Handler, Response};

use super::espeak::SpeechError;
use super::speech::{Place, Speech};
use crate::serve::barge_in::BargeIn;
use crate::serve::prompt::{Prompt, hang_up_on_error};

/// How often in a row a caller is asked who presses nothing.
const ATTEMPTS: u32 = 3;

/// What the bot says, and how long it listens: the same for all calls.
#[derive(Debug)]
pub(super) struct Script {
    speech: Speech,
    /// How many digits make an entry.
    digits: usize,
    menu: Prompt,
    more: Prompt,
    nothing: Prompt,
    sorry: Prompt,
    goodbye: Prompt,
    /// A time-out: silence that is played to its end. So it has no clock of its own, is over as soon
    /// as it is cleared, and what the caller hears keeps its rate. Also with `--no-silence`, which
    /// is about calls to which there is nothing to say.
    pause: Prompt,
}

impl Script {
    pub(super) fn new(
        speech: Speech,
        digits: usize,
        rate: SampleRate,
        timeout: Duration,
    ) -> Result<Self, SpeechError> {
        let menu = format!(
            "Please enter up to {digits} digits, followed by the hash key. To hang up, press star."
        );
        let silence = vec![0; (2 * rate.samples_in(timeout)).max(2) as usize];
        Ok(Self {
            digits,
            menu: speech.speak(&menu)?,
            more: speech.speak("Please enter more digits, or press star to hang up.")?,
            nothing: speech.speak("I have no digits.")?,
            sorry: speech.speak("I am sorry, I cannot go on. Goodbye.")?,
            goodbye: speech.speak("Goodbye.")?,
            pause: Prompt {
                rate,
                audio: Bytes::from(silence),
            },
            speech,
        })
    }
}

/// One caller.
#[derive(Debug)]
pub(super) struct Dialogue {
    script: Arc<Script>,
    place: Place,
    phase: Phase,
    /// The mark at which the phase is over; those of phases that were left early come too.
    mark: u64,
    /// Of what is being entered. Nothing but `0` to `9`, and not more than make an entry.
    digits: String,
    /// How often in a row nothing was pressed.
    missed: u32,
    barge_in: BargeIn,
}

#[derive(Debug)]
enum Phase {
    Speaking,
    /// For a key.
    Waiting,
    /// Nothing is played until the speech is there.
    Thinking(Receiver<Result<Prompt, SpeechError>>),
    /// Speaking, for the last time.
    Leaving,
}

impl Handler for Dialogue {
    fn on_start(&mut self, call: &mut Call<'_>) {
        self.say(call, [self.script.menu.clone()], Phase::Speaking);
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        // Always heard, so that the noise of the line is known.
        let interrupted = self.barge_in.hears(audio);
        if interrupted && matches!(self.phase, Phase::Speaking) {
            self.wait(call);
        }
        Response::Nothing
    }

    fn on_dtmf(&mut self, call: &mut Call<'_>, digit: DtmfDigit) -> Response<'static> {
        if matches!(self.phase, Phase::Leaving) {
            return Response::Nothing;
        }
        self.missed = 0;
        match digit.as_char() {
            '*' => self.leave(call, self.script.goodbye.clone()),
            '#' => self.repeat(call),
            digit @ '0'..='9' => {
                self.digits.push(digit);
                if self.digits.len() >= self.script.digits {
                    self.repeat(call);
                } else {
                    self.wait(call);
                }
            }
            // `A` to `D`, which telephones do not have.
            _ => {}
        }
        Response::Nothing
    }

    fn on_mark(&mut self, call: &mut Call<'_>, mark: u64, outcome: MarkOutcome) {
        if mark != self.mark || outcome != MarkOutcome::Played {
            return;
        }
        match &self.phase {
            Phase::Speaking => self.wait(call),
            Phase::Waiting => self.time_out(call),
            Phase::Thinking(speech) => match speech.try_recv() {
                Ok(Ok(speech)) => self.read_back(call, speech),
                Ok(Err(error)) => self.fail(call, &error),
                Err(_) => self.fail(call, &SpeechError::Busy),
            },
            Phase::Leaving => call.hangup_after_playout(),
        }
    }
}

impl Dialogue {
    pub(super) fn new(script: Arc<Script>) -> Self {
        Self {
            script,
            place: Place::default(),
            phase: Phase::Waiting,
            mark: 0,
            digits: String::new(),
            missed: 0,
            barge_in: BargeIn::new(),
        }
    }

    /// Ends what was played or waited for, and plays `prompts`.
    fn say<const N: usize>(&mut self, call: &mut Call<'_>, prompts: [Prompt; N], phase: Phase) {
        call.clear();
        self.place.withdraw();
        self.phase = phase;
        self.mark += 1;
        let played = prompts.into_iter().try_for_each(|prompt| prompt.play(call));
        let played = played.and_then(|()| call.mark(self.mark));
        hang_up_on_error(call, played);
    }

    fn wait(&mut self, call: &mut Call<'_>) {
        self.say(call, [self.script.pause.clone()], Phase::Waiting);
    }

    fn time_out(&mut self, call: &mut Call<'_>) {
        if !self.digits.is_empty() {
            return self.repeat(call);
        }
        self.missed += 1;
        if self.missed < ATTEMPTS {
            self.ask_again(call);
        } else {
            self.leave(call, self.script.goodbye.clone());
        }
    }

    fn ask_again(&mut self, call: &mut Call<'_>) {
        let prompts = [self.script.nothing.clone(), self.script.menu.clone()];
        self.say(call, prompts, Phase::Speaking);
    }

    /// The entry is complete.
    fn repeat(&mut self, call: &mut Call<'_>) {
        if self.digits.is_empty() {
            return self.ask_again(call);
        }
        let text = read_back(&std::mem::take(&mut self.digits));
        if let Some(speech) = self.script.speech.spoken(&text) {
            return self.read_back(call, speech);
        }
        call.clear();
        self.mark += 1;
        let speech = &self.script.speech;
        match speech.request(&self.place, text, call.handle(), self.mark) {
            Ok(speech) => self.phase = Phase::Thinking(speech),
            Err(error) => self.fail(call, &error),
        }
    }

    fn read_back(&mut self, call: &mut Call<'_>, speech: Prompt) {
        let prompts = [speech, self.script.more.clone()];
        self.say(call, prompts, Phase::Speaking);
    }

    fn fail(&mut self, call: &mut Call<'_>, error: &SpeechError) {
        tracing::warn!(uuid = %call.uuid(), %error, "cannot speak");
        self.leave(call, self.script.sorry.clone());
    }

    fn leave(&mut self, call: &mut Call<'_>, last: Prompt) {
        self.say(call, [last], Phase::Leaving);
    }
}

/// With pauses, so that it is not read as one number.
fn read_back(digits: &str) -> String {
    let digits: Vec<_> = digits.chars().map(String::from).collect();
    format!("You entered {}.", digits.join(", "))
}

#[cfg(test)]
mod tests {
    #[test]
    fn digits_are_read_one_by_one() {
        assert_eq!(super::read_back("1"), "You entered 1.");
        assert_eq!(super::read_back("120"), "You entered 1, 2, 0.");
    }
}
