use std::io;
use std::net::SocketAddr;

use audiosocket_tokio::stats::CallSide;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::TcpStream;
use tokio_util::io::InspectReader;

use super::gate::try_connect;
use crate::capture::{CallCapture, Captures};

/// The most bytes of one direction that the tap holds.
const BUFFER: usize = 16 * 1024;

/// A connection that goes on to the target.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) caller: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) target: String,
}

/// The outcome of a connection.
#[derive(Debug)]
pub(super) enum Passed {
    Ended,
    /// There was no connection to the target.
    TargetRefused,
}

impl Route {
    /// Passes the bytes of both directions on, until both have ended. Half-closes and resets pass too. While one side does
    /// not read, the other side cannot write.
    pub(super) async fn pass(self, captures: Option<Captures>) -> Passed {
        let Self {
            caller,
            peer,
            target,
        } = self;
        let server = match connect(&caller, &target).await {
            Ok(server) => server,
            Err(error) => {
                tracing::warn!(%peer, %error, "a call was reset: the target cannot be reached");
                // A reset, as from a server that is down.
                let _ = caller.set_zero_linger();
                return Passed::TargetRefused;
            }
        };
        tracing::info!(%peer, "call started");
        let capture = captures.and_then(|captures| {
            let server = server.peer_addr().ok()?;
            captures.start(peer, server)
        });
        let mut caller = InspectReader::new(caller, add_to(capture.as_ref(), CallSide::Caller));
        let mut server = InspectReader::new(server, add_to(capture.as_ref(), CallSide::Server));
        let copied = copy_bidirectional_with_sizes(&mut caller, &mut server, BUFFER, BUFFER).await;
        match copied {
            Ok((bytes_in, bytes_out)) => {
                tracing::info!(%peer, bytes_in, bytes_out, "call ended");
            }
            Err(error) => {
                tracing::info!(%peer, %error, "call ended by an error of the connection");
                for stream in [caller.into_inner(), server.into_inner()] {
                    let _ = stream.set_zero_linger();
                }
            }
        }
        Passed::Ended
    }
}

async fn connect(caller: &TcpStream, target: &str) -> io::Result<TcpStream> {
    let server = try_connect(target).await?;
    // Asterisk ends a call if a payload comes 5 ms after its header.
    caller.set_nodelay(true)?;
    server.set_nodelay(true)?;
    Ok(server)
}

/// Returns what adds the bytes of one side to the capture. No bytes are the end of the stream.
fn add_to(capture: Option<&CallCapture>, side: CallSide) -> impl FnMut(&[u8]) + '_ {
    move |bytes| match capture {
        Some(capture) if bytes.is_empty() => capture.half_close(side),
        Some(capture) => capture.push(side, bytes),
        None => {}
    }
}
