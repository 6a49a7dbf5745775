//! The log names a call whose handler blocks its thread.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::{Debug, Write as _};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_proto::SessionConfig;
use audiosocket_server::io::Connection;
use audiosocket_server::{Callbacks, Calls};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

#[path = "io/runtime.rs"]
#[expect(dead_code, reason = "what other tests need")]
mod runtime;

use runtime::{FakeStream, FakeTimer};

/// The log, one line for each event.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn with(&self, part: &str) -> Option<String> {
        let lines = self.0.lock().unwrap();
        lines.iter().find(|line| line.contains(part)).cloned()
    }
}

struct LogLine(String);

impl Visit for LogLine {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = LogLine(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[test]
fn the_log_names_a_handler_while_it_blocks() {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let seen = log.clone();
    let blocks = Callbacks::new(
        move |_, _, audio| {
            let deadline = Instant::now() + Duration::from_secs(60);
            while !audio.is_empty() && seen.with("a handler blocks").is_none() {
                assert!(
                    Instant::now() < deadline,
                    "the log has no line for the handler"
                );
                thread::sleep(Duration::from_millis(10));
            }
            audio.into()
        },
        |_, _, _| {},
    );
    let script = std::rc::Rc::default();
    let stream = FakeStream::new(&script);
    let connection = Connection::<_, FakeTimer, _>::new(
        stream,
        "peer".into(),
        blocks.into(),
        SessionConfig::default(),
        &Calls::default(),
    );
    let mut connection = pin!(connection.warn_if_blocked());
    let mut cx = Context::from_waker(Waker::noop());
    let mut read = |bytes: &[u8]| {
        script.borrow_mut().reads.push_back(Ok(bytes.to_vec()));
        assert!(connection.as_mut().poll(&mut cx).is_pending());
    };
    read(b"\x01\x00\x10sixteen bytes !!");
    read(b"\x10\x00\x04four");
    for part in ["a handler blocks", "a handler that blocked has returned"] {
        let line = log.with(part).unwrap();
        assert!(line.starts_with("WARN"), "{line}");
        assert!(line.contains("peer=peer"), "{line}");
        assert!(
            line.contains("uuid=73697874-6565-6e20-6279-746573202121"),
            "{line}"
        );
        assert!(line.contains("millis="), "{line}");
    }
    let lines = log.0.lock().unwrap().len();
    read(b"\x10\x00\x04fast");
    assert_eq!(
        log.0.lock().unwrap().len(),
        lines,
        "the log has no other line"
    );
}
