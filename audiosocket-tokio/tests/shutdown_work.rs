//! A shutdown waits for the tasks of calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use audiosocket_tokio::{CallEvent, IncomingCall, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CALLS: usize = 10;

/// Hangs up when the shutdown begins. Then works for some time, like a bot that writes a summary.
async fn talk(mut call: IncomingCall, finished: Arc<AtomicUsize>) {
    while let Some(event) = call.next().await {
        if event == CallEvent::ShuttingDown {
            call.hangup();
        }
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    finished.fetch_add(1, Ordering::Relaxed);
}

/// A program ends when `accept` returns `None`. Then the runtime drops the tasks of the calls.
#[tokio::test]
async fn tasks_finish_before_the_server_ends() {
    let mut server = Server::bind("127.0.0.1:0").await.unwrap();
    let (addr, handle) = (server.local_addrs()[0], server.handle());
    let finished = Arc::new(AtomicUsize::new(0));
    let serve = async {
        while let Some(call) = server.accept().await {
            tokio::spawn(talk(call, Arc::clone(&finished)));
        }
        finished.load(Ordering::Relaxed)
    };
    let callers = async {
        let mut callers = Vec::new();
        for number in 0..CALLS {
            let mut caller = TcpStream::connect(addr).await.unwrap();
            let number = u8::try_from(number).unwrap();
            let uuid = [&[0x01, 0, 16][..], &[number; 16]].concat();
            caller.write_all(&uuid).await.unwrap();
            // Silence arrives, so the call has started.
            caller.read_u8().await.unwrap();
            callers.push(caller);
        }
        handle.shutdown(Duration::from_secs(3600));
        for mut caller in callers {
            let mut rest = Vec::new();
            caller.read_to_end(&mut rest).await.unwrap();
            assert!(rest.ends_with(&[0, 0, 0]), "a hangup");
        }
    };
    let (finished, ()) = tokio::join!(serve, callers);
    assert_eq!(finished, CALLS);
}
