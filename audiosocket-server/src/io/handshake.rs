use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A stream that begins with a handshake `F`, such as that of TLS. For the `Handshake` of each adapter.
#[derive(Debug)]
#[non_exhaustive]
pub enum HandshakeState<F, S> {
    /// The handshake goes on.
    Pending(F),
    /// The handshake is complete.
    Complete(S),
    /// The handshake has failed, and its error was returned.
    Failed,
}

impl<F, S> HandshakeState<F, S>
where
    F: Future<Output = io::Result<S>> + Unpin,
    S: Unpin,
{
    /// Drives the handshake, and returns the stream when the handshake is complete.
    ///
    /// # Errors
    ///
    /// The error of the handshake, once. `NotConnected` after that.
    pub fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut S>>> {
        if let Self::Pending(handshake) = self {
            match ready!(Pin::new(handshake).poll(cx)) {
                Ok(stream) => *self = Self::Complete(stream),
                Err(error) => {
                    *self = Self::Failed;
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(match self {
            Self::Complete(stream) => Ok(Pin::new(stream)),
            _ => Err(io::ErrorKind::NotConnected.into()),
        })
    }
}
