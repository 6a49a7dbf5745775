//! Calls on threads of their own, each with a current-thread runtime.

use std::future::{Future, poll_fn};
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{io, thread};

use audiosocket_server::Acceptor;
use audiosocket_server::io::{
    AcceptLoop, BatchPoller, Connection, LogRateLimit, UnregisteredListener, UnregisteredStream,
};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::runtime::{TokioListener, TokioStream, TokioTimer};

/// A connection on its way to the thread that will serve it.
type Dealt<A> = Connection<UnregisteredStream, TokioTimer, A>;

static BUDGET: LogRateLimit = LogRateLimit::new();

/// Accepts here, and serves each connection on the next of so many threads.
pub(crate) async fn serve<A: Acceptor>(
    mut serving: AcceptLoop<UnregisteredListener<TokioListener>, TokioTimer, A>,
    threads: NonZeroUsize,
) -> io::Result<()> {
    let mut workers = Vec::with_capacity(threads.get());
    for _ in 0..threads.get() {
        workers.push(Worker::start(serving.wake_interval()).await?);
    }
    let mut next = 0;
    poll_fn(|cx| {
        workers.iter_mut().for_each(|worker| worker.check(cx));
        serving.poll(cx, |connection| {
            let worker = &workers[next];
            next = (next + 1) % workers.len();
            worker.deal(connection)
        })
    })
    .await;
    Ok(())
}

/// A thread, which ends when this is dropped, and all that is left on it.
struct Worker<A: Acceptor> {
    connections: UnboundedSender<Dealt<A>>,
    thread: Option<thread::JoinHandle<()>>,
    /// Resolves when the thread has ended.
    ended: oneshot::Receiver<()>,
}

impl<A: Acceptor> Worker<A> {
    async fn start(wake_interval: Option<Duration>) -> io::Result<Self> {
        let (connections, dealt) = unbounded_channel();
        let (started, has_started) = oneshot::channel();
        let worker = Self::on_thread(connections, move || run(dealt, wake_interval, started))?;
        // If it is gone without a word, it has panicked, which `check` passes on.
        has_started.await.unwrap_or(Ok(()))?;
        Ok(worker)
    }

    fn on_thread(
        connections: UnboundedSender<Dealt<A>>,
        run: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let (ends, ended) = oneshot::channel();
        let thread = thread::Builder::new().name("audiosocket-calls".to_owned());
        let thread = thread.spawn(move || {
            // Dropped behind everything else, also by a panic.
            let _ends: oneshot::Sender<()> = ends;
            run();
        })?;
        Ok(Self {
            connections,
            thread: Some(thread),
            ended,
        })
    }

    fn deal(&self, connection: Dealt<A>) -> io::Result<()> {
        self.connections
            .send(connection)
            .map_err(|_| io::Error::other("the thread that serves calls has ended"))
    }

    /// Passes on the panic by which the thread has ended, which is a bug of ours, or of what drops
    /// when a handler is dropped. Its calls are lost, and no server goes on as if nothing were.
    fn check(&mut self, cx: &mut Context<'_>) {
        if self.thread.is_some()
            && Pin::new(&mut self.ended).poll(cx).is_ready()
            && let Some(thread) = self.thread.take()
            && let Err(panic) = thread.join()
        {
            resume_unwind(panic);
        }
    }
}

/// Serves what is dealt until nobody deals any more. All that is left then is dropped with the runtime.
fn run<A: Acceptor>(
    mut dealt: UnboundedReceiver<Dealt<A>>,
    wake_interval: Option<Duration>,
    started: oneshot::Sender<io::Result<()>>,
) {
    let made = Builder::new_current_thread().enable_all().build();
    let made =
        made.and_then(|runtime| Ok((runtime, wake_interval.map(BatchPoller::new).transpose()?)));
    let (runtime, crowd) = match made {
        Ok(made) => made,
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    let _ = started.send(Ok(()));
    runtime.block_on(async {
        match crowd {
            Some(crowd) => gather(dealt, crowd).await,
            None => {
                while let Some(connection) = dealt.recv().await {
                    let moved: io::Result<Connection<_, TokioTimer, _>> = connection
                        .moved(|stream| TcpStream::from_std(stream.into()).map(TokioStream));
                    match moved {
                        Ok(connection) => drop(tokio::spawn(connection)),
                        Err(error) => lost(&error),
                    }
                }
            }
        }
    });
}

async fn gather<A: Acceptor>(
    mut dealt: UnboundedReceiver<Dealt<A>>,
    mut crowd: BatchPoller<TokioTimer, A>,
) {
    poll_fn(|cx| {
        while let Poll::Ready(connection) = dealt.poll_recv(cx) {
            let Some(connection) = connection else {
                return Poll::Ready(());
            };
            if let Err(error) = crowd.add(connection) {
                lost(&error);
            }
        }
        crowd.poll(cx);
        Poll::Pending
    })
    .await;
}

fn lost(error: &io::Error) {
    if let Some(suppressed) = BUDGET.take(std::time::Instant::now()) {
        let suppressed = (suppressed > 0).then_some(suppressed);
        tracing::warn!(%error, suppressed, "cannot serve a connection");
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use audiosocket_server::Callbacks;

    use super::*;

    /// Whatever it was: else its share of the calls would be lost from then on, with no sign of it.
    #[test]
    fn a_panic_of_a_thread_is_passed_on() {
        let (connections, _) = unbounded_channel();
        let worker = Worker::<Callbacks>::on_thread(connections, || panic!("unheard of"));
        let mut worker = worker.unwrap();
        let runtime = Builder::new_current_thread().build().unwrap();
        let passed_on = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(poll_fn(|cx| {
                worker.check(cx);
                Pin::new(&mut pending::<()>()).poll(cx)
            }));
        }));
        let panic = passed_on.unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"unheard of"));
    }
}
