//! The `tracing` span of a connection.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::{Debug, Write as _};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use audiosocket_proto::SessionConfig;
use audiosocket_server::io::Connection;
use audiosocket_server::{Admission, AllowList, Call, Calls, Handler, Peer, acceptor_fn};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

#[path = "io/runtime.rs"]
#[expect(dead_code, reason = "what other tests need")]
mod runtime;

use runtime::{FakeStream, FakeTimer};

/// Records spans and events.
#[derive(Clone, Default)]
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    spans_are_enabled: bool,
}

impl Log {
    fn add(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        !metadata.is_span() || (self.spans_are_enabled && *metadata.level() == Level::DEBUG)
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        let mut fields = Fields(format!("new {}", span.metadata().name()));
        span.record(&mut fields);
        self.add(fields.0);
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        let mut fields = Fields("record".to_owned());
        values.record(&mut fields);
        self.add(fields.0);
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields("event".to_owned());
        event.record(&mut fields);
        self.add(fields.0);
    }

    fn enter(&self, _: &span::Id) {
        self.add("enter".to_owned());
    }

    fn exit(&self, _: &span::Id) {
        self.add("exit".to_owned());
    }
}

struct Logs;

impl Handler for Logs {
    fn on_start(&mut self, _: &mut Call<'_>) {
        tracing::info!("in the handler");
    }
}

/// Returns the log of a connection that sends its UUID, and the lines of one more poll.
fn log(spans_are_enabled: bool) -> (Vec<String>, Vec<String>) {
    log_of(spans_are_enabled, "peer".into(), b"", &Calls::default())
}

/// The same for a connection from `peer` that begins with `header`.
fn log_of(
    spans_are_enabled: bool,
    peer: Peer,
    header: &[u8],
    calls: &Calls,
) -> (Vec<String>, Vec<String>) {
    let log = Log {
        spans_are_enabled,
        ..Log::default()
    };
    tracing::subscriber::with_default(log.clone(), || {
        let script = std::rc::Rc::default();
        let mut connection = pin!(Connection::<_, FakeTimer, _>::new(
            FakeStream::new(&script),
            peer,
            Arc::new(acceptor_fn(|_| Ok(Logs))),
            SessionConfig::default(),
            calls,
        ));
        let uuid = [header, b"\x01\x00\x10sixteen bytes !!"].concat();
        script.borrow_mut().reads.push_back(Ok(uuid));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(connection.as_mut().poll(&mut cx).is_pending());
        let first = std::mem::take(&mut *log.lines.lock().unwrap());
        assert!(connection.as_mut().poll(&mut cx).is_pending());
        let second = std::mem::take(&mut *log.lines.lock().unwrap());
        (first, second)
    })
}

#[test]
fn callbacks_run_in_a_span_with_the_peer_and_the_uuid() {
    let (first, second) = log(true);
    let expected = [
        "new call peer=peer",
        "enter",
        "record uuid=73697874-6565-6e20-6279-746573202121",
        "event message=in the handler",
        "exit",
    ];
    assert_eq!(first, expected);
    assert_eq!(second, ["enter", "exit"]);
}

#[test]
fn the_span_of_a_proxied_connection_has_the_client_as_its_peer() {
    let proxies: AllowList = "10.0.0.1".parse().unwrap();
    let calls = Calls::new(Admission::new().proxy_protocol(proxies));
    let proxy: std::net::SocketAddr = "10.0.0.1:5000".parse().unwrap();
    let header = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 9092\r\n";
    let (first, _) = log_of(true, proxy.into(), header, &calls);
    let expected = ["new call", "enter", "record peer=192.0.2.7:40000"];
    assert_eq!(first[..3], expected);
}

#[test]
fn without_the_level_there_is_no_span() {
    let (first, second) = log(false);
    assert_eq!(first, ["event message=in the handler"]);
    assert_eq!(second, [""; 0]);
}
