//! Refused peers and refused calls.

use audiosocket_server::{Admission, Refusal};

use super::{NOTHING, call};
use crate::Runner;
use crate::bench::Bench;
use crate::frames::{audio, dtmf, uuid};
use crate::recorder::panic;

/// A refused caller gets a hangup. Later frames of it run no callback.
pub(crate) fn a_refused_call(runner: &Runner) {
    let bench = Bench::new(runner);
    not_taken(&bench, "refuse", &["accept refuse"]);
}

/// A refused peer gets a hangup before it sends a byte. A UUID that it sends all the same starts no call.
pub(crate) fn a_refused_peer(runner: &Runner) {
    let refusing = Admission::new().admit_peer(|_| Err(Refusal::new("no peer may connect")));
    let bench = Bench::with_admission(runner, refusing);
    for _ in 0..20 {
        let mut line = bench.connect();
        line.expect_hangup();
        line.send(&[uuid("echo"), audio(b"hello?")].concat());
        line.close();
        line.transcript(&NOTHING);
    }
}

/// A panic in `admit_peer` is reported to the acceptor, and its peer gets a hangup.
pub(crate) fn a_panic_about_a_peer(runner: &Runner) {
    let panicking = Admission::new().admit_peer(|_| panic("admit_peer"));
    let bench = Bench::with_admission(runner, panicking);
    for _ in 0..2 {
        let mut line = bench.connect();
        line.expect_hangup();
        line.close();
        line.transcript(&["no call: the handler panicked: \"admit_peer\""]);
    }
}

/// A call is accepted after other calls were refused.
pub(crate) fn a_call_after_refused_ones(runner: &Runner) {
    let bench = Bench::new(runner);
    for _ in 0..20 {
        not_taken(&bench, "refuse", &["accept refuse"]);
    }
    super::survives(&bench, "echo", b"", b"", &NOTHING);
}

/// A panic in `accept` is reported to the acceptor, and its caller gets a hangup.
pub(crate) fn a_panic_in_accept(runner: &Runner) {
    let bench = Bench::new(runner);
    let told = [
        "accept panic in accept",
        "no call: the handler panicked: \"accept\"",
    ];
    not_taken(&bench, "panic in accept", &told);
    not_taken(&bench, "panic in accept", &told);
}

/// The handler is dropped when its call is over, and not when the connection closes.
pub(crate) fn a_handler_is_let_go_at_the_end(runner: &Runner) {
    let bench = Bench::new(runner);
    let name = "tell of drop";
    let mut line = bench.call(name);
    line.send(&audio(b"hangup"));
    let mut told = call(name, &["audio slin \"hangup\""], "hung up by this side");
    told.push("drop".to_owned());
    line.transcript(&told);
    line.expect_hangup();
}

fn not_taken(bench: &Bench, name: &str, told: &[&str]) {
    let mut line = bench.call(name);
    line.send(&[audio(b"hello?"), dtmf(b'1')].concat());
    line.expect_hangup();
    line.send(&audio(b"hello?"));
    line.close();
    line.transcript(told);
}
