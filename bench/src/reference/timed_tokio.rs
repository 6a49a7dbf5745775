use std::future::poll_fn;
use std::io;
use std::net::TcpListener;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use audiosocket_proto::Decoder;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep_until};

use super::lean_tokio::poll_echo;
use super::on_tokio;

/// How long a caller may send nothing.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn serve(listener: TcpListener) -> io::Result<()> {
    let mut runtime = Builder::new_multi_thread();
    on_tokio::serve(runtime.worker_threads(1).enable_all(), listener, echo)
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut decoder = Decoder::new();
    let mut deadline = Instant::now() + TIMEOUT;
    let mut timer = pin!(sleep_until(deadline));
    poll_fn(|cx| {
        while let Poll::Ready(rest) = poll_echo(&mut stream, &mut decoder, cx)? {
            // Callers that do not read are not served.
            if rest.is_none_or(|rest| !rest.is_empty()) {
                return Poll::Ready(Ok(()));
            }
            deadline = Instant::now() + TIMEOUT;
        }
        // The timer is not moved with each frame.
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= deadline {
                return Poll::Ready(Ok(()));
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    })
    .await
}
