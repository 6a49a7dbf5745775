//! Events to the handler, and its answers.

use std::mem;

use crate::call::driver::CallDriver;
use crate::call::phase::Phase;
use crate::exception::catch_panic;
use crate::{Acceptor, Call, Exception, Handler, HandlerEvent, LastEvent, Response};
use audiosocket_proto::{End, Event, SendError};

impl<A: Acceptor> CallDriver<A> {
    pub(super) fn dispatch_if_any(&mut self, event: Option<Event<'_>>) {
        if let Some(event) = event {
            self.dispatch(event);
        }
    }

    #[inline]
    pub(super) fn dispatch(&mut self, event: Event<'_>) {
        match event {
            Event::Audio(audio) => {
                self.outbound.received(self.now, audio);
                self.notify(HandlerEvent::Audio(audio));
            }
            Event::Started(uuid) => self.start(uuid),
            Event::Dtmf(digit) => self.notify(HandlerEvent::Dtmf(digit)),
            Event::Ignored(frame) => self.notify(HandlerEvent::Ignored(frame)),
            Event::Exception(error) => {
                self.notify(HandlerEvent::Exception(&Exception::Peer(error)));
            }
            Event::Ended(end) => {
                let exception = self.exception_of(end);
                self.finish(end, exception.as_ref());
            }
            // `Event` is non-exhaustive. This crate has the version of the core, so all events are above.
            _ => {}
        }
    }

    /// Calls the handler, if there is one, and sends its answer.
    #[inline]
    pub(crate) fn notify(&mut self, event: HandlerEvent<'_>) {
        match self.call_handler(event) {
            Some(Ok((response, hangup))) => {
                self.answer(&response);
                if hangup {
                    self.hang_up(End::HungUp);
                }
            }
            Some(Err(panic)) => self.panicked(&panic),
            None => {}
        }
    }

    /// Calls the handler, if there is one. Returns its answer and whether it asked to hang up, or its
    /// panic.
    #[inline]
    pub(super) fn call_handler<'e>(
        &mut self,
        event: HandlerEvent<'e>,
    ) -> Option<Result<(Response<'e>, bool), Exception>> {
        self.with_handler(|handler, call| {
            if let Some(kind) = LastEvent::of(&event) {
                let control = call.outbound.handle.control();
                control.note(kind, call.duration());
            }
            (handler.on_event(call, event), call.hangup)
        })
    }

    /// Runs `act` on the handler, if there is one. Returns its result or the panic.
    #[inline]
    pub(crate) fn with_handler<R>(
        &mut self,
        act: impl FnOnce(&mut A::Handler, &mut Call<'_>) -> R,
    ) -> Option<Result<R, Exception>> {
        let Phase::Talking { handler, .. } = &mut self.phase else {
            return None;
        };
        let mut call = Call {
            outbound: &mut self.outbound,
            now: self.now,
            hangup: false,
        };
        Some(catch_panic(|| act(handler, &mut call)))
    }

    #[inline]
    pub(super) fn answer(&mut self, response: &Response<'_>) {
        let audio = match response {
            Response::Nothing => return,
            Response::Hangup => return self.hang_up(End::HungUp),
            Response::Audio(audio) => *audio,
            Response::Owned(audio) => audio.as_audio(),
        };
        if audio.is_empty() {
            return;
        }
        match self.outbound.send(self.now, audio) {
            // Report the next one only after the peer has caught up. Otherwise a peer that reads every second frame
            // would cause an exception for every second frame.
            Ok(()) if self.outbound.is_behind => {
                self.outbound.is_behind = self.outbound.session.is_behind();
            }
            Ok(()) => {}
            // `on_end` reports it.
            Err(SendError::NoCall) => {}
            Err(SendError::QueueFull) if mem::replace(&mut self.outbound.is_behind, true) => {}
            Err(error) => self.notify(HandlerEvent::Exception(&Exception::Answer(error))),
        }
    }
}
