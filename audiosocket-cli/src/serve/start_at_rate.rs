//! The wait for the rate at which to play.

use std::time::Duration;

use audiosocket_media::SampleRate;
use audiosocket_server::HandlerEvent;
use audiosocket_tokio::{AudioBuf, Call, Handler, Response};

use super::play_rate::PlayRate;
use super::prompt::hang_up_on_error;

/// How long a call waits for the caller's first audio.
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// The mark at the end of the wait. No handler of this program uses this number.
pub(super) const WAIT_IS_OVER: u64 = u64::MAX;

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
