//! Calls that AGI announces before they arrive.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use audiosocket_interop::asterisk::Asterisk;
use audiosocket_interop::recorder::RunningServer;
use audiosocket_tokio::admission::{Admission, AllowList, ExpectedCalls};
use audiosocket_tokio::{Callbacks, Response, acceptor_fn};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::app;

// The example of the tutorial.
#[path = "../../../audiosocket-tokio/examples/expected_calls/agi.rs"]
mod agi;

use agi::Caller;

type Log<T> = Arc<Mutex<Vec<T>>>;

const UNPOISONED: &str = "no callback panics";

#[test]
fn a_call_that_agi_announces_is_taken_once() {
    let asterisk = Asterisk::take();
    let expected = ExpectedCalls::new();
    let agi_port = listen(expected.clone());

    let (calls, exceptions) = (Log::default(), Log::default());
    let (taken, raised) = (Arc::clone(&calls), Arc::clone(&exceptions));
    let acceptor = acceptor_fn(move |request| {
        let caller = request.metadata::<Caller>().expect("it was announced");
        let mut taken = taken.lock().expect(UNPOISONED);
        taken.push((request.uuid, (*caller).clone()));
        let raised = Arc::clone(&raised);
        Ok(Callbacks::new(
            |_, _, _| Response::Hangup,
            move |_, _, error| raised.lock().expect(UNPOISONED).push(error.to_string()),
        ))
    });
    let server = RunningServer::start(acceptor, Admission::new().expected_calls(&expected));
    let port = server.port();

    let extension = format!("agi-{port:05}-{agi_port:05}");
    asterisk.call(&format!("Local/{extension}@audiosocket"), "tone@caller");
    asterisk.wait_for_log("the dialplan goes on after");
    asterisk.wait_until_idle();
    let first = calls.lock().expect(UNPOISONED).clone();
    let [(uuid, caller)] = &first[..] else {
        panic!("one call, and not {first:?}");
    };
    let announced = Caller {
        number: Some("4930123456".to_owned()),
        language: "de".to_owned(),
    };
    assert_eq!(*caller, announced);
    let log = asterisk.log();
    assert!(
        log.contains(&format!("{uuid} connects again")),
        "the second connection was hung up"
    );
    assert!(log.contains(&format!("the dialplan goes on after {uuid}")));

    let unannounced = Uuid::new_v4();
    let extension = app(unannounced, port);
    asterisk.call(&format!("Local/{extension}"), "tone@caller");
    asterisk.wait_for_log(&format!("the dialplan goes on after {unannounced}"));
    asterisk.wait_until_idle();
    assert_eq!(calls.lock().expect(UNPOISONED).len(), 1);
    let exceptions = exceptions.lock().expect(UNPOISONED).clone();
    assert!(exceptions.is_empty(), "{exceptions:?}");
    asterisk.assert_no_complaints(&[]);
}

/// Answers AGI requests, and returns the port.
fn listen(expected: ExpectedCalls<Caller>) -> u16 {
    let (sender, port) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let addr = listener.local_addr().expect("a local address");
            let _ = sender.send(addr.port());
            let here: AllowList = "127.0.0.1".parse().expect("an address");
            agi::listen(listener, here, expected).await;
        });
    });
    port.recv().expect("the AGI server listens")
}
