//! Captures of the calls of a server.
//!
//! The bytes are those of the frames that the handler gets and that leave. So a capture is the same on each runtime and
//! with TLS. Frames that break the protocol are not in it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use audiosocket_proto::{Message, client};
use audiosocket_server::HandlerEvent;
use audiosocket_tokio::protocol::{ErrorFlags, PeerError};
use audiosocket_tokio::stats::CallSide;
use audiosocket_tokio::{
    Acceptor, Call, CallRequest, End, Exception, Handler, Peer, Refusal, Response,
};

use crate::capture::{CallCapture, Captures};

/// The address of a peer without one: a Unix socket.
const NO_ADDR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Captures calls that `A` accepts, if there are captures.
#[derive(Debug)]
pub(super) struct CapturingAcceptor<A> {
    acceptor: A,
    captures: Option<Captures>,
}

impl<A> CapturingAcceptor<A> {
    pub(super) fn new(acceptor: A, captures: Option<Captures>) -> Self {
        Self { acceptor, captures }
    }
}

impl<A: Acceptor> Acceptor for CapturingAcceptor<A> {
    type Handler = CapturedCall<A::Handler>;

    fn accept(&self, request: &CallRequest<'_>) -> Result<Self::Handler, Refusal> {
        let handler = self.acceptor.accept(request)?;
        let capture = self.captures.as_ref().and_then(|captures| {
            let caller = request.peer.socket_addr().unwrap_or(NO_ADDR);
            let server = request.local_addr.unwrap_or(NO_ADDR);
            captures.start(caller, server)
        });
        let capture = capture.map(Arc::new);
        if let Some(capture) = &capture {
            push(capture, CallSide::Caller, Message::Uuid(request.uuid));
        }
        Ok(CapturedCall { handler, capture })
    }

    /// The capture of the call ends with the other process.
    fn take_over(&self, request: &CallRequest<'_>, state: &[u8]) -> Result<Self::Handler, Refusal> {
        let handler = self.acceptor.take_over(request, state)?;
        let capture = None;
        Ok(CapturedCall { handler, capture })
    }

    fn on_exception(&self, peer: &Peer, error: &Exception) {
        self.acceptor.on_exception(peer, error);
    }
}

#[derive(Debug)]
pub(super) struct CapturedCall<H> {
    handler: H,
    /// `None` if the call is not captured.
    capture: Option<Arc<CallCapture>>,
}

impl<H: Handler> Handler for CapturedCall<H> {
    fn on_event<'a>(&mut self, call: &mut Call<'_>, event: HandlerEvent<'a>) -> Response<'a> {
        if let Some(capture) = &self.capture {
            capture_event(capture, call, event);
        }
        self.handler.on_event(call, event)
    }

    fn hand_over(&mut self, call: &Call<'_>) -> Option<Vec<u8>> {
        self.handler.hand_over(call)
    }
}

fn capture_event(capture: &Arc<CallCapture>, call: &mut Call<'_>, event: HandlerEvent<'_>) {
    let caller = |message| push(capture, CallSide::Caller, message);
    match event {
        HandlerEvent::Start => {
            let capture = Arc::clone(capture);
            call.observe_sent(move |frame| {
                push(&capture, CallSide::Server, Message::Audio(frame.audio));
            });
        }
        HandlerEvent::Audio(audio) => caller(Message::Audio(audio)),
        HandlerEvent::Dtmf(digit) => caller(Message::Dtmf(digit)),
        HandlerEvent::Ignored(frame) => caller(Message::Unknown(frame)),
        HandlerEvent::Exception(Exception::Peer(PeerError::Reported { flags })) => {
            caller(Message::Error(*flags));
        }
        HandlerEvent::End(end) => {
            if end == End::HangupReceived {
                caller(Message::Error(ErrorFlags::HANGUP));
            }
            if !is_end_of_the_peer(end) {
                push(capture, CallSide::Server, Message::Hangup);
            }
            capture.half_close(CallSide::Server);
            capture.half_close(CallSide::Caller);
        }
        _ => {}
    }
}

/// Whether the call ended without a hangup frame of this side.
fn is_end_of_the_peer(end: End) -> bool {
    matches!(
        end,
        End::Closed
            | End::HangupReceived
            | End::Reset
            | End::ConnectionLost
            | End::Abandoned
            | End::Failed(PeerError::Truncated { .. })
    )
}

fn push(capture: &CallCapture, side: CallSide, message: Message<'_>) {
    let mut frame = Vec::new();
    // No payload here is too long: each came in a frame, or left in one.
    if client::encode(message, &mut frame).is_ok() {
        capture.push(side, &frame);
    }
}
