//! Worker threads that serve calls, each with a current-thread runtime.

use std::future::{Future, poll_fn};
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;
use std::{io, thread};

use audiosocket_server::Acceptor;
use audiosocket_server::io::{
    AcceptLoop, BatchConnection, BatchPoller, LogRateLimit, UnregisteredStream,
};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::listener::RawListener;
use crate::runtime::{TokioStream, TokioTimer};

static ADD_FAILED: LogRateLimit = LogRateLimit::new();

/// Worker threads, which get connections `C` in turn. They end when this is dropped.
pub(crate) struct Workers<C> {
    workers: Vec<Worker<C>>,
    next: usize,
}

impl<C: Send + 'static> Workers<C> {
    /// Starts the threads. Each thread runs the future that `serve` makes for it.
    pub(crate) async fn start<F, Fut>(threads: NonZeroUsize, serve: F) -> io::Result<Self>
    where
        F: Fn(UnboundedReceiver<C>) -> io::Result<Fut> + Clone + Send + 'static,
        Fut: Future<Output = ()>,
    {
        let mut workers = Vec::with_capacity(threads.get());
        for _ in 0..threads.get() {
            workers.push(Worker::start(serve.clone()).await?);
        }
        Ok(Self { workers, next: 0 })
    }
}

impl<A: Acceptor> Workers<BatchConnection<TokioTimer, A>> {
    /// Gives the connections of `accept_loop` to the threads. Ready when the accept loop is ready.
    ///
    /// # Panics
    ///
    /// If a thread panicked.
    pub(crate) fn poll_server(
        &mut self,
        accept_loop: &mut AcceptLoop<RawListener, TokioTimer, A>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        self.workers.iter_mut().for_each(|worker| worker.check(cx));
        accept_loop.poll(cx, |connection| {
            let worker = &self.workers[self.next];
            self.next = (self.next + 1) % self.workers.len();
            worker.send(connection)
        })
    }
}

struct Worker<C> {
    connections: UnboundedSender<C>,
    thread: Option<thread::JoinHandle<()>>,
    /// Resolves when the thread has ended.
    ended: oneshot::Receiver<()>,
}

impl<C: Send + 'static> Worker<C> {
    async fn start<F, Fut>(serve: F) -> io::Result<Self>
    where
        F: FnOnce(UnboundedReceiver<C>) -> io::Result<Fut> + Send + 'static,
        Fut: Future<Output = ()>,
    {
        let (connections, receiver) = unbounded_channel();
        let (started, has_started) = oneshot::channel();
        let worker = Self::on_thread(connections, move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            match runtime.and_then(|runtime| Ok((runtime, serve(receiver)?))) {
                Ok((runtime, serving)) => {
                    let _ = started.send(Ok(()));
                    // The runtime drops the tasks that are left.
                    runtime.block_on(serving);
                }
                Err(error) => drop(started.send(Err(error))),
            }
        })?;
        // If the thread sent nothing, it has panicked. `check` passes the panic on.
        has_started.await.unwrap_or(Ok(()))?;
        Ok(worker)
    }
}

impl<C> Worker<C> {
    fn on_thread(
        connections: UnboundedSender<C>,
        run: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let (ends, ended) = oneshot::channel();
        let thread = thread::Builder::new().name("audiosocket-calls".to_owned());
        let thread = thread.spawn(move || {
            // Dropped last, also after a panic.
            let _ends: oneshot::Sender<()> = ends;
            run();
        })?;
        Ok(Self {
            connections,
            thread: Some(thread),
            ended,
        })
    }

    fn send(&self, connection: C) -> io::Result<()> {
        self.connections
            .send(connection)
            .map_err(|_| io::Error::other("the worker thread for this connection has ended"))
    }

    /// Passes on the panic that ended the thread. The cause is a bug in this project, or a panic while a handler is
    /// dropped. The calls of the thread are lost. The server must not continue without this thread.
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

/// Serves each connection as a task of the thread's runtime.
pub(crate) async fn serve_tasks<A: Acceptor>(
    mut connections: UnboundedReceiver<BatchConnection<TokioTimer, A>>,
) {
    while let Some(connection) = connections.recv().await {
        let stream = |stream: UnregisteredStream| TcpStream::from_std(stream.into());
        match connection.try_map::<_, TokioTimer>(|it| stream(it).map(TokioStream)) {
            Ok(connection) => drop(tokio::spawn(connection)),
            Err(error) => log_failed(&error),
        }
    }
}

/// Polls the connections together.
pub(crate) async fn serve_batch<A: Acceptor>(
    mut connections: UnboundedReceiver<BatchConnection<TokioTimer, A>>,
    mut batch: BatchPoller<TokioTimer, A>,
) {
    poll_fn(|cx| {
        while let Poll::Ready(connection) = connections.poll_recv(cx) {
            let Some(connection) = connection else {
                return Poll::Ready(());
            };
            if let Err(error) = batch.add(connection) {
                log_failed(&error);
            }
        }
        batch.poll(cx);
        Poll::Pending
    })
    .await;
}

fn log_failed(error: &io::Error) {
    if let Some(suppressed) = ADD_FAILED.take(Instant::now()) {
        let suppressed = (suppressed > 0).then_some(suppressed);
        tracing::warn!(%error, suppressed, "a connection was closed because it could not be registered; raise the limit of descriptors (ulimit -n)");
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    /// Otherwise the server would lose each call for this thread without a log line or an error.
    #[test]
    fn the_panic_of_a_worker_thread_is_passed_on() {
        let (connections, _) = unbounded_channel();
        let worker = Worker::<()>::on_thread(connections, || panic!("a bug"));
        let mut worker = worker.unwrap();
        let runtime = Builder::new_current_thread().build().unwrap();
        let passed_on = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(poll_fn(|cx| {
                worker.check(cx);
                Pin::new(&mut pending::<()>()).poll(cx)
            }));
        }));
        let panic = passed_on.unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"a bug"));
    }
}
