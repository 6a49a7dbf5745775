//! Two servers with one name. Asterisk tries the second address if the first one refuses the connection.

use audiosocket_interop::asterisk::Asterisk;
use audiosocket_interop::program::{Callers, Server};
use audiosocket_interop::wait_for;
use uuid::Uuid;

/// Asterisk's error for each address that refuses.
const REFUSED: &str = "Connection refused";

const HANG_UP_AT_ONCE: &[&str] = &["--drain", "0s"];

#[test]
fn no_call_is_lost_while_the_first_server_is_full() {
    let asterisk = Asterisk::take();
    let first = Server::echo_with(&["--drain", "0s", "--max-calls", "3"]);
    let second = Server::second_echo(first.port(), HANG_UP_AT_ONCE);
    let calls = place(&asterisk, first.port(), 10);
    let at_first = calls.iter().filter(|call| arrived(&first, &second, **call));
    assert_eq!(at_first.count(), 3);
    end(&asterisk, &calls, vec![first, second]);
}

#[test]
fn no_call_is_lost_while_the_first_server_drains() {
    let asterisk = Asterisk::take();
    let first = Server::echo_with(&["--drain", "1h"]);
    let second = Server::second_echo(first.port(), HANG_UP_AT_ONCE);
    let mut calls = place(&asterisk, first.port(), 1);
    first.wait_for_call(calls[0]);
    first.signal();
    first.wait_for_log("shutting down");
    let later = place(&asterisk, first.port(), 4);
    for call in &later {
        second.wait_for_call(*call);
    }
    calls.extend(later);
    end(&asterisk, &calls, vec![first, second]);
}

#[test]
fn no_call_is_lost_after_the_first_server_was_killed() {
    let asterisk = Asterisk::take();
    let mut first = Server::echo();
    let second = Server::second_echo(first.port(), HANG_UP_AT_ONCE);
    first.kill();
    let calls = place(&asterisk, first.port(), 4);
    for call in &calls {
        second.wait_for_call(*call);
    }
    end(&asterisk, &calls, vec![second]);
}

#[test]
fn no_call_is_lost_while_the_first_server_has_few_descriptors() {
    let asterisk = Asterisk::take();
    let first = Server::echo_with_few_descriptors(HANG_UP_AT_ONCE);
    let second = Server::second_echo(first.port(), HANG_UP_AT_ONCE);
    let callers = Callers::call(&first, 40);
    first.wait_for_log("too few descriptors are left");
    let calls = place(&asterisk, first.port(), 4);
    for call in &calls {
        second.wait_for_call(*call);
    }
    end(&asterisk, &calls, vec![first, second]);
    let report = callers.report();
    assert!(report["calls"]["completed"].as_u64() > Some(0), "{report}");
}

/// Places calls by `AudioSocket()` and by `Dial()` in turn, without a wait.
fn place(asterisk: &Asterisk, port: u16, count: usize) -> Vec<Uuid> {
    let calls: Vec<_> = (0..count).map(|_| Uuid::new_v4()).collect();
    for (index, call) in calls.iter().enumerate() {
        let way = ["appof2", "dialof2"][index % 2];
        let extension = format!("Local/{way}-{call}-{port:05}@audiosocket");
        asterisk.call(&extension, "tone@caller");
    }
    calls
}

/// Waits until one of the servers has the call. Returns whether it is the first one.
fn arrived(first: &Server, second: &Server, call: Uuid) -> bool {
    let call = call.to_string();
    let has = |server: &Server| {
        let log = server.log();
        log.iter()
            .any(|line| line.contains("call started") && line.contains(&call))
    };
    wait_for(&format!("a server to log call {call}"), || {
        match (has(first), has(second)) {
            (false, false) => None,
            (at_first, _) => Some(at_first),
        }
    })
}

/// Ends the servers. The dialplan of each call goes on.
fn end(asterisk: &Asterisk, calls: &[Uuid], servers: Vec<Server>) {
    for mut server in servers {
        assert!(server.terminate().success(), "the server's exit status");
    }
    for call in calls {
        asterisk.wait_for_log(&format!(": the dialplan goes on after {call}"));
    }
    asterisk.wait_until_idle();
    asterisk.assert_no_complaints(&[REFUSED]);
}
