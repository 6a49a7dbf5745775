//! `Handler::on_event`, which the driver calls for each event.

use audiosocket_server::{Acceptor, Call, CallRequest, Handler, HandlerEvent, Refusal, Response};

use crate::recorder::{RecordingAcceptor, TestConnection, Transcript};
use crate::wire::frame;

/// Records the names of the events, and passes them on.
struct Wrapped<H> {
    inner: H,
    names: Transcript,
}

impl<H: Handler> Handler for Wrapped<H> {
    fn on_event<'a>(&mut self, call: &mut Call<'_>, event: HandlerEvent<'a>) -> Response<'a> {
        let name = format!("{event:?}");
        let end = name.find([' ', '(']).unwrap_or(name.len());
        self.names.add(&name[..end]);
        self.inner.on_event(call, event)
    }
}

struct Wrapping {
    desk: RecordingAcceptor,
    names: Transcript,
}

impl Acceptor for Wrapping {
    type Handler = Box<dyn Handler>;

    fn accept(&self, request: &CallRequest<'_>) -> Result<Self::Handler, Refusal> {
        Ok(Box::new(Wrapped {
            inner: self.desk.accept(request)?,
            names: self.names.clone(),
        }))
    }
}

#[test]
fn a_wrapper_of_one_method_passes_on_every_event_and_answer() {
    let (desk, names) = (RecordingAcceptor::echo(), Transcript::default());
    let transcript = desk.transcript.clone();
    let mut line = TestConnection::talking(Wrapping {
        desk,
        names: names.clone(),
    });
    line.receive(&frame(0x10, &[1, 2]));
    assert_eq!(line.flush(), frame(0x10, &[1, 2]), "the answer");
    line.receive(&frame(0x03, b"1"));
    line.receive(&frame(0x03, b"?"));
    line.receive(&frame(0x77, b""));
    line.driver.handle().mark(7).unwrap();
    line.poll_commands();
    line.flush();
    line.eof();
    assert_eq!(
        names.take(),
        [
            "Start",
            "Audio",
            "Dtmf",
            "Exception",
            "Ignored",
            "Mark",
            "End"
        ]
    );
    let lines = transcript.take();
    assert_eq!(
        lines.len(),
        9,
        "accept, each event, and the drop: {lines:?}"
    );
}

/// A handler that answers an event other than audio.
struct Greets;

impl Handler for Greets {
    fn on_event<'a>(&mut self, _: &mut Call<'_>, event: HandlerEvent<'a>) -> Response<'a> {
        match event {
            HandlerEvent::Start => b"hi"[..].into(),
            HandlerEvent::Ignored(_) => Response::Hangup,
            _ => Response::Nothing,
        }
    }
}

#[test]
fn the_driver_acts_on_the_answer_to_each_event() {
    let acceptor = audiosocket_server::acceptor_fn(|_| Ok(Greets));
    let mut line = TestConnection::talking(acceptor);
    assert_eq!(line.flush(), frame(0x10, b"hi"));
    line.receive(&frame(0x77, b""));
    assert_eq!(line.flush(), frame(0x00, b""));
}
