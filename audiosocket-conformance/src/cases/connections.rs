//! Connections as the server counts them.

use super::{NOTHING, call};
use crate::Runner;
use crate::bench::Bench;
use crate::frames::uuid;
use crate::line::Line;

/// A thousand connections, opened and dropped before they say anything, in the middle of the
/// UUID, and as calls; none is left, and the next call is served.
pub(crate) fn a_thousand_opened_and_dropped(runner: &Runner) {
    let bench = Bench::new(runner);
    for number in 0..1000 {
        let mut line = bench.connect();
        match number % 4 {
            0 => {}
            1 => drop_inside_uuid(line),
            2 => {
                line.send(&uuid("echo"));
                line.close();
                line.transcript(&call("echo", &NOTHING, "closed by the peer"));
            }
            _ => {
                line.send(&uuid("refuse"));
                line.expect_hangup();
                line.transcript(&["accept refuse"]);
            }
        }
    }
    bench.open(0);
    super::survives(&bench, "echo", b"", b"", &NOTHING);
}

/// Two hundred connections at a time, which all go away at once.
pub(crate) fn many_dropped_at_once(runner: &Runner) {
    let bench = Bench::new(runner);
    for _ in 0..3 {
        let lines: Vec<_> = (0..200).map(|_| bench.connect()).collect();
        bench.open(200);
        drop(lines);
        bench.open(0);
    }
}

fn drop_inside_uuid(mut line: Line) {
    line.send(&uuid("echo")[..7]);
    line.close();
    line.transcript(&["no call: the connection ended inside a frame, 7 bytes into it"]);
}

/// A reset before any byte is no end that anybody is told of; one inside the UUID is.
pub(crate) fn resets_without_a_uuid(runner: &Runner) {
    let bench = Bench::new(runner);
    for sent in 0..19 {
        let mut line = bench.connect();
        // Accepted; or the reset would take the connection out of the kernel's queue.
        bench.open(1);
        line.send(&uuid("echo")[..sent]);
        line.reset();
        let told = format!("no call: the connection ended inside a frame, {sent} bytes into it");
        line.transcript(if sent == 0 {
            &[]
        } else {
            std::slice::from_ref(&told)
        });
        bench.open(0);
    }
}
