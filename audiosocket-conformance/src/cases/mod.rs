//! The cases, by what they are about. What each one pins is said above it; it fails by panicking.

pub(crate) mod admission;
pub(crate) mod answers;
pub(crate) mod captures;
pub(crate) mod clock;
pub(crate) mod connections;
pub(crate) mod crowds;
pub(crate) mod descriptors;
pub(crate) mod endings;
pub(crate) mod faults;
pub(crate) mod framing;
pub(crate) mod handles;
pub(crate) mod identity;
pub(crate) mod limits;
pub(crate) mod messages;
pub(crate) mod pace;
pub(crate) mod panics;
pub(crate) mod playout;
pub(crate) mod queue;
pub(crate) mod shutdown;
pub(crate) mod stalls;

use std::time::Duration;

use crate::bench::Bench;
use crate::frames::audio;

/// All that a handler is told of a call that was taken, `between` being what is told between its
/// start and its end.
fn call<L: AsRef<str>>(name: &str, between: &[L], end: &str) -> Vec<String> {
    let mut lines = vec![format!("accept {name}"), "start".to_owned()];
    lines.extend(between.iter().map(|line| line.as_ref().to_owned()));
    lines.push(format!("end: {end}"));
    lines
}

/// A call that survives what is sent on it: `back` comes back, and then an echo as ever.
fn survives<L: AsRef<str>>(bench: &Bench, name: &str, sent: &[u8], back: &[u8], told: &[L]) {
    let mut line = bench.call(name);
    let alive = audio(b"alive");
    line.send(&[sent, &alive].concat());
    line.expect(&[back, &alive].concat());
    line.half_close();
    line.expect_end();
    let mut told: Vec<_> = told.iter().map(AsRef::as_ref).collect();
    told.push("audio slin \"alive\"");
    line.transcript(&call(name, &told, "closed by the peer"));
}

/// A call that ends by what is sent on it: `back` comes back, and then the end; what follows in
/// the same write and after the end is read and told to nobody.
fn ends<L: AsRef<str>>(bench: &Bench, name: &str, sent: &[u8], back: &[u8], told: &[L], end: &str) {
    let mut line = bench.call(name);
    line.send(&[sent, &audio(b"after the end")].concat());
    line.expect(back);
    line.expect_end();
    line.send(&audio(b"long after the end"));
    line.close();
    line.transcript(&call(name, told, end));
}

/// A list of lines that is empty.
const NOTHING: [&str; 0] = [];

/// A deadline for cases that wait until it has passed. No case relies on its passing late.
const SHORT: Duration = Duration::from_millis(50);
