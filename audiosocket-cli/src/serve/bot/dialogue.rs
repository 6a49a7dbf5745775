use std::io;
use std::sync::Arc;
use std::time::Duration;

use audiosocket_media::{Prompt, SampleRate};
use audiosocket_proto::MarkOutcome;
use audiosocket_tokio::{Audio, AudioBuf, Bytes, Call, DtmfDigit, Handler, Response};

use super::speech::speak;
use crate::serve::caller_input::CallerInput;
use crate::serve::play_rate::PlayRate;
use crate::serve::prompt::hang_up_on_error;

/// The bot asks a caller who presses no key this often.
const ATTEMPTS: u32 = 3;

/// The prompts of the bot, the same for all calls.
#[derive(Debug)]
pub(super) struct Script {
    /// The number of digits that complete an entry.
    max_digits: usize,
    menu: Prompt,
    entered: Prompt,
    /// `0` to `9`.
    digits: Vec<Prompt>,
    more: Prompt,
    nothing: Prompt,
    goodbye: Prompt,
    /// Silence for the time in which the bot waits for a key. So the bot needs no timer, a key ends the wait by clearing
    /// the playout, and the audio keeps its rate. `--no-silence` does not remove it. It has the length of the wait at the
    /// highest rate.
    silence: Bytes,
    timeout: Duration,
    rate: PlayRate,
}

impl Script {
    pub(super) fn new(
        voice: &str,
        max_digits: usize,
        rate: PlayRate,
        timeout: Duration,
    ) -> io::Result<Self> {
        let speak = |text: &str| speak(voice, text, rate.highest());
        let menu = format!(
            "Please enter up to {max_digits} digits, followed by the hash key. To hang up, press star."
        );
        let silence = vec![0; silence_len(rate.highest(), timeout)];
        Ok(Self {
            max_digits,
            menu: speak(&menu)?,
            entered: speak("You entered")?,
            digits: (0..=9)
                .map(|digit| speak(&digit.to_string()))
                .collect::<io::Result<_>>()?,
            more: speak("Please enter more digits, or press star to hang up.")?,
            nothing: speak("I have no digits.")?,
            goodbye: speak("Goodbye.")?,
            silence: silence.into(),
            timeout,
            rate,
        })
    }

    /// Returns the silence of the wait for a key.
    fn pause(&self, rate: SampleRate) -> AudioBuf {
        AudioBuf::new(rate, self.silence.slice(..silence_len(rate, self.timeout)))
    }

    /// "You entered 1 2 3": one prompt for each digit.
    fn read_back(&self, digits: &str) -> Vec<Prompt> {
        let digits = digits
            .bytes()
            .map(|digit| &self.digits[usize::from(digit - b'0')]);
        let prompts = [&self.entered]
            .into_iter()
            .chain(digits)
            .chain([&self.more]);
        prompts.cloned().collect()
    }
}

/// The bytes of silence for a wait. Empty audio cannot be played.
fn silence_len(rate: SampleRate, timeout: Duration) -> usize {
    (2 * rate.samples_in(timeout)).max(2) as usize
}

/// One call.
#[derive(Debug)]
pub(super) struct Dialogue {
    script: Arc<Script>,
    phase: DialoguePhase,
    /// The mark at the end of this phase. Marks of earlier phases also come, and are ignored.
    mark: u64,
    /// The digits so far, `0` to `9`: fewer than complete an entry.
    digits: String,
    /// The number of waits in a row without a key.
    missed: u32,
    input: CallerInput,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DialoguePhase {
    Speaking,
    WaitingForKey,
    /// The last prompt is played.
    Leaving,
}

impl Handler for Dialogue {
    fn on_start(&mut self, call: &mut Call<'_>) {
        self.input.start(call);
        self.say(
            call,
            vec![self.script.menu.clone()],
            DialoguePhase::Speaking,
        );
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        // In every phase, so that the noise of the line is known.
        let speaks = self.phase == DialoguePhase::Speaking;
        if self.input.takes_audio(call, audio, speaks) {
            self.wait(call);
        }
        while let Some(digit) = self.input.next_key(call) {
            self.press(call, digit);
        }
        Response::Nothing
    }

    fn on_dtmf(&mut self, call: &mut Call<'_>, digit: DtmfDigit) -> Response<'static> {
        if self.input.takes_key(call, digit) {
            self.press(call, digit);
        }
        Response::Nothing
    }

    fn on_mark(&mut self, call: &mut Call<'_>, mark: u64, outcome: MarkOutcome) {
        if mark != self.mark || outcome != MarkOutcome::Played {
            return;
        }
        match self.phase {
            DialoguePhase::Speaking => self.wait(call),
            DialoguePhase::WaitingForKey => self.time_out(call),
            DialoguePhase::Leaving => call.hangup_after_playout(),
        }
    }
}

impl Dialogue {
    pub(super) fn new(script: Arc<Script>, input: CallerInput) -> Self {
        Self {
            script,
            phase: DialoguePhase::WaitingForKey,
            mark: 0,
            digits: String::new(),
            missed: 0,
            input,
        }
    }

    /// Takes a key. One that comes during a prompt and does not interrupt it has no effect.
    fn press(&mut self, call: &mut Call<'_>, digit: DtmfDigit) {
        let has_effect = match self.phase {
            DialoguePhase::Speaking => self.input.key_interrupts(),
            DialoguePhase::WaitingForKey => true,
            DialoguePhase::Leaving => false,
        };
        if !has_effect {
            return;
        }
        self.missed = 0;
        match digit.as_char() {
            '*' => self.leave(call),
            '#' => self.repeat(call),
            digit @ '0'..='9' => {
                self.digits.push(digit);
                if self.digits.len() >= self.script.max_digits {
                    self.repeat(call);
                } else {
                    self.wait(call);
                }
            }
            // Telephones have no keys `A` to `D`.
            _ => {}
        }
    }

    fn say(&mut self, call: &mut Call<'_>, prompts: Vec<Prompt>, phase: DialoguePhase) {
        let rate = self.script.rate.of(call);
        let audio = prompts.into_iter().map(|prompt| prompt.at(rate));
        self.play(call, audio, phase);
    }

    fn wait(&mut self, call: &mut Call<'_>) {
        let pause = self.script.pause(self.script.rate.of(call));
        self.play(call, [pause].into_iter(), DialoguePhase::WaitingForKey);
    }

    /// Ends the phase, and plays `audio` in the next one.
    fn play(
        &mut self,
        call: &mut Call<'_>,
        mut audio: impl Iterator<Item = AudioBuf>,
        phase: DialoguePhase,
    ) {
        call.clear();
        self.phase = phase;
        self.mark += 1;
        let played = audio.try_for_each(|audio| call.try_play(audio));
        let played = played.and_then(|()| call.mark(self.mark));
        hang_up_on_error(call, played);
    }

    fn time_out(&mut self, call: &mut Call<'_>) {
        if !self.digits.is_empty() {
            return self.repeat(call);
        }
        self.missed += 1;
        if self.missed < ATTEMPTS {
            self.ask_again(call);
        } else {
            self.leave(call);
        }
    }

    fn ask_again(&mut self, call: &mut Call<'_>) {
        let prompts = vec![self.script.nothing.clone(), self.script.menu.clone()];
        self.say(call, prompts, DialoguePhase::Speaking);
    }

    /// The entry is complete.
    fn repeat(&mut self, call: &mut Call<'_>) {
        if self.digits.is_empty() {
            return self.ask_again(call);
        }
        let digits = std::mem::take(&mut self.digits);
        self.say(
            call,
            self.script.read_back(&digits),
            DialoguePhase::Speaking,
        );
    }

    fn leave(&mut self, call: &mut Call<'_>) {
        self.say(
            call,
            vec![self.script.goodbye.clone()],
            DialoguePhase::Leaving,
        );
    }
}
