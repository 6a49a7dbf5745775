//! The live page in a real browser. `.ci/status` installs Chromium and runs these tests.

use std::io::Read as _;
use std::net::TcpStream;
use std::process::Command;

use crate::support::{TestServer, UUID_TEXT, call, echo, send};
use audiosocket_tokio::{CallRequest, Callbacks, Refusal, SampleRate, acceptor_fn};

/// Loads the page, lets its script run for four seconds of the browser's clock, and returns the document.
fn document(server: &TestServer) -> String {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new("chromium")
        // As root, Chromium runs without its sandbox only.
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ])
        .args([
            "--virtual-time-budget=4000",
            "--dump-dom",
            "--enable-logging=stderr",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("http://{}/", server.status.local_addr()))
        .output()
        .expect("Chromium is installed; see .ci/status");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    let complaint = log.lines().find(|line| line.contains("CONSOLE"));
    assert_eq!(complaint, None, "the script has no error");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the content of the element with this id.
#[track_caller]
fn content<'d>(document: &'d str, tag: &str, id: &str) -> &'d str {
    let (_, rest) = document.split_once(&format!("id=\"{id}\"")).unwrap();
    let (_, rest) = rest.split_once('>').unwrap();
    rest.split(&format!("</{tag}>")).next().unwrap()
}

#[test]
#[ignore = "needs Chromium: run .ci/status"]
fn the_page_shows_calls_load_lateness_and_refusals() {
    let acceptor = acceptor_fn(|request: &CallRequest<'_>| {
        if request.uuid.is_nil() {
            return Err(Refusal::new("<img src=x onerror=alert(1)> & \"no\""));
        }
        Ok(Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {}))
    });
    let server = TestServer::start(acceptor, |builder| builder);
    let mut caller = call(server.addr);
    for _ in 0..7 {
        echo(&mut caller);
    }
    let handle = server.handle.open_calls().remove(0);
    let audio = (SampleRate::Hz8000, vec![1; 800]);
    handle.try_play(audio).unwrap();
    let mut refused = TcpStream::connect(server.addr).unwrap();
    send(&mut refused, 0x01, &[0; 16]);
    refused.read_to_end(&mut Vec::new()).unwrap();

    let document = document(&server);
    assert_eq!(content(&document, "span", "state"), "ready");
    assert_eq!(content(&document, "span", "problem"), "");
    let figures = content(&document, "section", "figures");
    assert!(figures.contains("<b>1 of 10,000</b>calls"), "{figures}");
    assert!(figures.contains("<b>1</b>refused"), "{figures}");
    // The second poll of the page has computed the rate.
    assert!(figures.contains("<b>0</b>frames/s in"), "{figures}");
    assert_eq!(content(&document, "span", "peak"), "1");
    assert!(
        content(&document, "svg", "load").contains("299,2"),
        "the load has a point"
    );
    let lateness = content(&document, "tbody", "lateness");
    assert!(lateness.contains("over 100 ms"), "{lateness}");
    let calls = content(&document, "tbody", "calls");
    let peer = caller.local_addr().unwrap().to_string();
    for part in [UUID_TEXT, &peer, "started, ", "8000"] {
        assert!(calls.contains(part), "{part}: {calls}");
    }
    // Text from outside is text on the page, and no element.
    let refusals = content(&document, "tbody", "refusals");
    assert!(
        refusals.contains("&lt;img src=x onerror=alert(1)&gt; &amp; \"no\""),
        "{refusals}"
    );
    assert!(!document.contains("<img"), "{refusals}");
}

#[test]
#[ignore = "needs Chromium: run .ci/status"]
fn the_page_shows_why_the_server_is_not_ready() {
    let echo = Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {});
    let server = TestServer::start(echo, |builder| builder);
    server.handle.refuse_calls(true);
    let document = document(&server);
    let state = content(&document, "span", "state");
    assert_eq!(state, "full: the application refuses calls at present");
    assert_eq!(
        content(&document, "tbody", "refusals"),
        "<tr><td>none</td></tr>"
    );
}
