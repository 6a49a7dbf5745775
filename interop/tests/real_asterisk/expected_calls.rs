//! Calls that AGI announces before they arrive.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use audiosocket_interop::asterisk::Asterisk;
use audiosocket_interop::recorder::serve;
use audiosocket_tokio::admission::{Admission, AllowList, ExpectedCalls};
use audiosocket_tokio::{Callbacks, Response, acceptor_fn};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::app;

// The tutorial is about this example.
#[path = "../../../audiosocket-tokio/examples/expected_calls/agi.rs"]
mod agi;

use agi::Caller;

#[test]
fn a_call_that_agi_announces_is_taken_once() {
    let asterisk = Asterisk::take();
    let expected = ExpectedCalls::new();
    let agi_port = listen(expected.clone());

    let taken = Arc::new(Mutex::new(Vec::new()));
    let wrong = Arc::new(Mutex::new(Vec::new()));
    let (story, faults) = (Arc::clone(&taken), Arc::clone(&wrong));
    let acceptor = acceptor_fn(move |request| {
        let caller = request.metadata::<Caller>().expect("it was announced");
        let mut story = story.lock().expect("nobody panics");
        story.push((request.uuid, (*caller).clone()));
        let faults = Arc::clone(&faults);
        Ok(Callbacks::new(
            |_, _, _| Response::Hangup,
            move |_, _, error| {
                let mut faults = faults.lock().expect("nobody panics");
                faults.push(error.to_string());
            },
        ))
    });
    let admission = Admission::new().expected_calls(&expected);
    let (started, starting) = mpsc::channel();
    let server = thread::spawn(move || {
        serve(acceptor, admission, |addrs, handle| {
            let _ = started.send((addrs[0].port(), handle));
        })
    });
    let (port, handle) = starting.recv().expect("the server starts");

    let extension = format!("agi-{port:05}-{agi_port:05}");
    asterisk.call(&format!("Local/{extension}@audiosocket"), "tone@caller");
    asterisk.wait_for_log("the dialplan goes on after");
    asterisk.wait_until_idle();
    let calls = taken.lock().expect("nobody panics").clone();
    let [(uuid, caller)] = &calls[..] else {
        panic!("one call, and not {calls:?}");
    };
    let announced = Caller {
        number: Some("4930123456".to_owned()),
        language: "de".to_owned(),
    };
    assert_eq!(*caller, announced);
    let log = asterisk.log();
    assert!(
        log.contains(&format!("{uuid} connects again")),
        "it was hung up"
    );
    assert!(log.contains(&format!("the dialplan goes on after {uuid}")));

    let nobody = Uuid::new_v4();
    let extension = app(nobody, port);
    asterisk.call(&format!("Local/{extension}"), "tone@caller");
    asterisk.wait_for_log(&format!("the dialplan goes on after {nobody}"));
    asterisk.wait_until_idle();
    assert_eq!(taken.lock().expect("nobody panics").len(), 1);
    let wrong = wrong.lock().expect("nobody panics").clone();
    assert!(wrong.is_empty(), "{wrong:?}");
    asterisk.assert_no_complaints(&[]);

    handle.shutdown(Duration::ZERO);
    let served = server.join().expect("the server does not panic");
    served.expect("the server serves");
}

/// Answers AGI requests on a port of its own, while the tests run.
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
    port.recv().expect("it listens")
}
