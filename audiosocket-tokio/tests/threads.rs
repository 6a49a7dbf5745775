//! A server with worker threads.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::thread::{self, ThreadId};
use std::time::Duration;

use audiosocket_tokio::config::SessionConfig;
use audiosocket_tokio::{
    Acceptor, Audio, Call, CallRequest, Handler, Refusal, Response, Server, ServerBuilder,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const THREADS: usize = 4;

#[test]
fn calls_are_spread_evenly_and_threads_end_with_the_server() {
    run(Server::builder(), async |server, seen| {
        let addr = server.local_addrs()[0];
        let handle = server.handle();
        let serving = tokio::spawn(server.serve_forever());
        let mut calls = Vec::new();
        for _ in 0..THREADS * 3 {
            calls.push(call(addr).await);
        }
        assert_eq!(seen.calls_of_threads(), [3; THREADS]);
        assert!(
            !seen
                .threads
                .lock()
                .unwrap()
                .contains_key(&thread::current().id())
        );
        assert_eq!(handle.calls().len(), THREADS * 3);
        // A task that a handler spawns runs on the thread of the call.
        while *seen.tasks() != *seen.threads.lock().unwrap() {
            tokio::task::yield_now().await;
        }
        drop(calls);
        handle.shutdown(Duration::from_secs(60));
        serving.await.unwrap().unwrap();
        assert_eq!(handle.calls().len(), 0);
        seen.threads_end().await;
    });
}

#[test]
fn each_thread_polls_its_own_calls_together() {
    let builder = Server::builder().wake_interval(Duration::from_millis(2));
    run(builder, async |server, seen| {
        let addr = server.local_addrs()[0];
        let serving = tokio::spawn(server.serve_forever());
        let mut calls = Vec::new();
        for _ in 0..THREADS * 2 {
            calls.push(call(addr).await);
        }
        assert_eq!(seen.calls_of_threads(), [2; THREADS]);
        serving.abort();
        seen.threads_end().await;
    });
}

#[test]
fn dropping_the_server_ends_its_calls_and_threads() {
    run(Server::builder(), async |server, seen| {
        let addr = server.local_addrs()[0];
        let serving = tokio::spawn(server.serve_forever());
        let mut call = call(addr).await;
        serving.abort();
        // This is a reset if the last frame arrives after the end.
        let end = call.read(&mut [0]).await;
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
        seen.threads_end().await;
    });
}

fn run(builder: ServerBuilder, test: impl AsyncFnOnce(Server<Seen>, Seen)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let seen = Seen::default();
        let session = SessionConfig::new().fill_silence(false);
        let builder = builder.bind("127.0.0.1:0").session(session);
        let builder = builder.threads(NonZeroUsize::new(THREADS));
        let server = builder.start(seen.clone()).await.unwrap();
        tokio::time::timeout(Duration::from_secs(60), test(server, seen))
            .await
            .expect("hangs");
    });
}

const UUID: &[u8] = b"\x01\x00\x10sixteen bytes !!";
const AUDIO: &[u8] = b"\x10\x00\x04well";

/// A call with one echoed frame.
async fn call(addr: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(&[UUID, AUDIO].concat()).await.unwrap();
    let mut echoed = [0; 7];
    stream.read_exact(&mut echoed).await.unwrap();
    assert_eq!(echoed[..], *AUDIO);
    stream
}

/// Counts the calls of each thread.
#[derive(Clone, Default)]
struct Seen {
    threads: Arc<Mutex<HashMap<ThreadId, usize>>>,
    /// The number of tasks that handlers spawned.
    tasks: Arc<Mutex<HashMap<ThreadId, usize>>>,
    /// Dropped when its thread ends.
    lives: Arc<Mutex<Vec<Weak<()>>>>,
}

thread_local! {
    static LIFE: RefCell<Option<Arc<()>>> = const { RefCell::new(None) };
}

impl Seen {
    fn calls_of_threads(&self) -> Vec<usize> {
        self.threads.lock().unwrap().values().copied().collect()
    }

    fn tasks(&self) -> MutexGuard<'_, HashMap<ThreadId, usize>> {
        self.tasks.lock().unwrap()
    }

    async fn threads_end(&self) {
        let lives = std::mem::take(&mut *self.lives.lock().unwrap());
        assert!(!lives.is_empty());
        while lives.iter().any(|life| life.strong_count() > 0) {
            tokio::task::yield_now().await;
        }
    }
}

impl Acceptor for Seen {
    type Handler = Self;

    fn accept(&self, _: &CallRequest<'_>) -> Result<Self, Refusal> {
        Ok(self.clone())
    }
}

impl Handler for Seen {
    fn on_audio<'a>(&mut self, _: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        *self
            .threads
            .lock()
            .unwrap()
            .entry(thread::current().id())
            .or_default() += 1;
        LIFE.with_borrow_mut(|life| {
            let life = life.get_or_insert_default();
            self.lives.lock().unwrap().push(Arc::downgrade(life));
        });
        let seen = self.clone();
        tokio::spawn(async move { *seen.tasks().entry(thread::current().id()).or_default() += 1 });
        audio.into()
    }
}
