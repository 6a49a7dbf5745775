//! The rate at which a server plays to a caller: `--rate`.

use std::time::Duration;

use audiosocket_media::SampleRate;
use audiosocket_server::HandlerEvent;
use audiosocket_tokio::{AudioBuf, Call, Handler, Response};

use super::prompt::hang_up_on_error;

/// How long a call waits for the caller's first audio.
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// The mark at the end of the wait. No handler of this program uses this number.
pub(super) const WAIT_IS_OVER: u64 = u64::MAX;

/// The value of `--rate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlayRate {
    /// `auto`: the answer rate of the call.
    Answer,
    Named(SampleRate),
}

impl PlayRate {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Answer),
            _ => text
                .parse()
                .map(Self::Named)
                .map_err(|error| format!("{error}, or auto")),
        }
    }

    /// Returns the rate at which to play on `call` now.
    pub(super) fn of(self, call: &Call<'_>) -> SampleRate {
        match self {
            Self::Answer => call.answer_rate(),
            Self::Named(rate) => rate,
        }
    }

    /// Returns all rates at which audio is played.
    pub(super) fn all(self) -> Vec<SampleRate> {
        match self {
            Self::Answer => {
                let is_answer = |rate: &SampleRate| rate.answer_rate() == *rate;
                SampleRate::ALL.into_iter().filter(is_answer).collect()
            }
            Self::Named(rate) => vec![rate],
        }
    }

    /// Returns the rate at which audio with `hz` is kept: the named one, or the lowest answer rate that has all of it.
    pub(super) fn source(self, hz: u32) -> SampleRate {
        match self {
            Self::Answer => SampleRate::ALL
                .into_iter()
                .find(|rate| rate.hz() >= hz)
                .unwrap_or(SampleRate::Hz192000)
                .answer_rate(),
            Self::Named(rate) => rate,
        }
    }

    /// Returns the highest rate at which audio is played.
    pub(super) fn highest(self) -> SampleRate {
        match self {
            Self::Answer => SampleRate::Hz192000.answer_rate(),
            Self::Named(rate) => rate,
        }
    }
}

/// Starts a handler once the rate at which to play is known: at once if `--rate` names it. Otherwise it starts at the
/// caller's first audio or first key, or after [`LONGEST_WAIT`].
#[derive(Debug)]
pub(super) struct StartAtRate<H> {
    handler: H,
    rate: PlayRate,
    started: bool,
}

impl<H> StartAtRate<H> {
    pub(super) fn new(rate: PlayRate, handler: H) -> Self {
        Self {
            handler,
            rate,
            started: false,
        }
    }

    /// Makes the handler of a call of another process, from the last byte of its [state](Handler::hand_over).
    pub(super) fn resumed(rate: PlayRate, handler: H, started: u8) -> Self {
        Self {
            handler,
            rate,
            started: started == 1,
        }
    }
}

impl<H: Handler> Handler for StartAtRate<H> {
    fn on_event<'a>(&mut self, call: &mut Call<'_>, event: HandlerEvent<'a>) -> Response<'a> {
        match event {
            HandlerEvent::Start if self.rate == PlayRate::Answer => {
                wait(call);
                return Response::Nothing;
            }
            HandlerEvent::Start => self.started = true,
            HandlerEvent::Mark(WAIT_IS_OVER, _) => {
                self.start(call);
                return Response::Nothing;
            }
            HandlerEvent::Audio(_) | HandlerEvent::Dtmf(_) => self.start(call),
            _ => {}
        }
        self.handler.on_event(call, event)
    }

    fn hand_over(&mut self, call: &Call<'_>) -> Option<Vec<u8>> {
        let mut state = self.handler.hand_over(call)?;
        state.push(self.started.into());
        Some(state)
    }
}

impl<H: Handler> StartAtRate<H> {
    fn start(&mut self, call: &mut Call<'_>) {
        if !self.started {
            self.started = true;
            // The rest of the wait.
            call.clear();
            self.handler.on_event(call, HandlerEvent::Start);
        }
    }
}

/// Plays silence at 8 kHz, which every release of Asterisk takes, with a mark at its end. So a call needs no timer.
fn wait(call: &mut Call<'_>) {
    static SILENCE: [u8; 2 * SampleRate::Hz8000.samples_in(LONGEST_WAIT) as usize] =
        [0; 2 * SampleRate::Hz8000.samples_in(LONGEST_WAIT) as usize];
    let played = call.try_play(AudioBuf::new(SampleRate::Hz8000, &SILENCE[..]));
    let played = played.and_then(|()| call.mark(WAIT_IS_OVER));
    hang_up_on_error(call, played);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_auto_or_the_name_of_a_format() {
        assert_eq!(PlayRate::parse("auto"), Ok(PlayRate::Answer));
        let named = PlayRate::Named(SampleRate::Hz48000);
        assert_eq!(PlayRate::parse("slin48"), Ok(named));
        let error = PlayRate::parse("48000").unwrap_err();
        assert!(error.ends_with("slin192, or auto"), "{error}");
    }

    #[test]
    fn without_a_named_rate_nothing_is_played_above_16_khz() {
        assert_eq!(PlayRate::Answer.highest(), SampleRate::Hz16000);
        let named = PlayRate::Named(SampleRate::Hz48000);
        assert_eq!(named.highest(), SampleRate::Hz48000);
    }

    #[test]
    fn a_file_is_kept_at_its_rate_or_the_next_one_up_to_16_khz() {
        for (hz, kept) in [
            (4_000, 8_000),
            (8_000, 8_000),
            (11_025, 12_000),
            (16_000, 16_000),
            (22_050, 16_000),
            (44_100, 16_000),
            (200_000, 16_000),
        ] {
            assert_eq!(PlayRate::Answer.source(hz).hz(), kept, "{hz}");
        }
    }
}
