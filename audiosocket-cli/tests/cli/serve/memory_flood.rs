//! `audiosocket serve` under a flood of calls where the memory is bounded.
//!
//! With jemalloc only. The system's allocator takes little more than the room here for all of the calls, so that on a
//! busy machine, where calls end before others begin, it is never short.

use crate::process::call;
use crate::serve::memory::serve_with_room;

on_every_runtime! {
    a_flood_does_not_fill_the_address_space,
}

/// Far more callers than there is room for, faster than the server checks its memory.
fn a_flood_does_not_fill_the_address_space(runtime: &str) {
    let server = serve_with_room(runtime, if runtime == "blocking" { 30 } else { 1 });
    let flood = [
        "--calls",
        "2000",
        "--calls-per-second",
        "2000",
        "--duration",
        "2s",
    ];
    let report = call(server.addr(), &flood);
    let figures = &report.figures;
    assert!(report.count("/calls/completed") > 0, "{figures}");
    assert!(report.count("/calls/failed") > 0, "{figures}");
    for frames in ["wrong", "extra"] {
        assert_eq!(report.count(&format!("/frames/{frames}")), 0, "{figures}");
    }
    let report = call(server.addr(), &["--duration", "200ms"]);
    assert_eq!(report.code, 0, "{}", report.figures);
    server.terminate();
}
