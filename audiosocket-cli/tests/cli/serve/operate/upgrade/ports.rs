//! The ports for operators during an upgrade.

use tempfile::TempDir;

use super::{socket, start};
use crate::caller::{begin_echo, end_call};
use crate::serve::balancer::{agent, check};
use crate::serve::operate::status::get;

#[test]
fn the_status_and_the_agent_check_move_with_their_addresses() {
    let directory = TempDir::new().unwrap();
    let socket = socket(&directory);
    let ports = ["--status-listen", ":0", "--agent-listen", "127.0.0.1:0"];
    let old = start(&socket, &[&["echo", "--drain", "1h"], &ports[..]].concat());
    let calls = [begin_echo(old.addr()), begin_echo(old.addr())];
    let (status, agent) = (old.status_addr(), agent(&old));
    let (status_arg, agent_arg) = (status.to_string(), agent.to_string());
    let ports = ["--status-listen", &status_arg, "--agent-listen", &agent_arg];
    // One of the calls stays in the old process, which drains.
    let new = start(
        &socket,
        &[&["echo", "--max-calls", "1"], &ports[..]].concat(),
    );
    assert_eq!(new.status_addr(), status);
    old.wait_for_log(1, "another process took over");
    for _ in 0..10 {
        assert_eq!(check(agent), "up ready 0%\n");
    }
    assert_eq!(get(status, "/readyz").1, "full: too many calls\n");
    calls.into_iter().for_each(end_call);
    assert_eq!(old.wait().0, 0);
    assert_eq!(check(agent), "up ready 100%\n");
    new.terminate();
}
