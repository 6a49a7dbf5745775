//! Three servers behind a real HAProxy, with the configuration of `deploy/haproxy`.

use std::net::SocketAddr;

use audiosocket_interop::asterisk::Asterisk;
use audiosocket_interop::haproxy::{BalancedServer, HaProxy, SERVERS};
use audiosocket_interop::program::{Callers, Server};
use audiosocket_interop::wait_for;
use serde_json::Value;
use uuid::Uuid;

/// HAProxy and its servers.
struct Balanced {
    haproxy: HaProxy,
    servers: [BalancedServer; SERVERS],
}

impl Balanced {
    fn start() -> Self {
        let servers = [(); SERVERS].map(|()| BalancedServer::start());
        let haproxy = HaProxy::start(&servers);
        Self { haproxy, servers }
    }

    fn servers(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().map(|balanced| &balanced.server)
    }

    /// Checks that no server logged a warning, and stops them.
    fn stop(self) {
        for BalancedServer { mut server, .. } in self.servers {
            assert_no_warning(&server);
            server.kill();
        }
    }
}

#[test]
fn the_peer_of_a_call_is_asterisk_and_not_haproxy() {
    let asterisk = Asterisk::take();
    let balanced = Balanced::start();
    let port = balanced.haproxy.port();
    let calls: Vec<_> = (0..12).map(|_| Uuid::new_v4()).collect();
    for (index, call) in calls.iter().enumerate() {
        let extension = match index % 2 {
            0 => format!("app-{call}-{port:05}"),
            _ => format!("dial-{call}-{port:05}-slin"),
        };
        asterisk.call(&format!("Local/{extension}@audiosocket"), "tone@caller");
    }
    let mut of_server = [0; SERVERS];
    for call in calls {
        let (server, peer) = wait_for(&format!("a server to log call {call}"), || {
            let mut servers = balanced.servers().enumerate();
            servers.find_map(|(index, server)| Some((index, peer_of(server, call)?)))
        });
        of_server[server] += 1;
        assert!(balanced.haproxy.has_client(peer), "{peer} is not Asterisk");
    }
    assert!(of_server.iter().all(|calls| *calls >= 2), "{of_server:?}");
    asterisk.rx("channel request hangup all");
    asterisk.wait_until_idle();
    balanced.stop();
}

/// A thousand calls, while each server is replaced by a new process.
#[test]
fn no_call_is_lost_in_a_rolling_restart() {
    let mut balanced = Balanced::start();
    let callers = callers(&balanced, 1000, "50", "3s");
    for index in 0..SERVERS {
        let old = &mut balanced.servers[index];
        old.server.wait_for_log("call started");
        old.server.signal();
        old.server.wait_for_log("drain=1h");
        // Its last calls may have ended, and the process with them.
        assert_eq!(old.refused().unwrap_or_default(), 0, "server {index}");
        assert!(old.server.wait().success(), "the server's exit status");
        assert_no_warning(&old.server);
        old.restart();
        old.server.wait_for_log("call started");
    }
    let report = callers.report();
    assert_whole(&report, 1000);
    for server in &balanced.servers {
        assert_eq!(server.refused(), Some(0));
    }
    balanced.stop();
}

#[test]
fn no_call_is_lost_while_a_server_drains() {
    let mut balanced = Balanced::start();
    let callers = callers(&balanced, 60, "15", "3s");
    let first = &mut balanced.servers[0].server;
    first.wait_for_log("call started");
    assert!(first.terminate().success(), "the server's exit status");
    assert_no_warning(first);
    let report = callers.report();
    assert_whole(&report, 60);
    balanced.servers[0].restart();
    balanced.stop();
}

#[test]
fn a_killed_server_loses_its_own_calls_only() {
    let mut balanced = Balanced::start();
    let long = callers(&balanced, 30, "100", "10m");
    wait_for("30 calls", || (started(&balanced) == 30).then_some(()));
    let at_first = count(&balanced.servers[0].server, "call started");
    assert!((5..=15).contains(&at_first), "{at_first} of 30 calls");
    balanced.servers[0].server.kill();

    let later = callers(&balanced, 12, "10", "1s").report();
    assert_whole(&later, 12);
    for server in balanced.servers().skip(1) {
        // Only the later calls have ended.
        let ended = server.ended_calls();
        assert!(ended.iter().all(|call| call.frames_in < 200), "{ended:?}");
    }
    assert_eq!(started(&balanced), 42);
    long.hang_up();
    let report = long.report();
    assert_eq!(report["hangups"]["closed"], at_first, "{report}");
    assert_eq!(report["calls"]["interrupted"], 30 - at_first, "{report}");
    balanced.servers[0].restart();
    balanced.stop();
}

fn callers(balanced: &Balanced, calls: usize, per_second: &str, duration: &str) -> Callers {
    Callers::timed(balanced.haproxy.port(), calls, per_second, duration)
}

fn started(balanced: &Balanced) -> usize {
    let counts = balanced
        .servers()
        .map(|server| count(server, "call started"));
    counts.sum()
}

/// Returns the number of lines of the log with `part`.
fn count(server: &Server, part: &str) -> usize {
    let log = server.log();
    log.iter().filter(|line| line.contains(part)).count()
}

/// Returns the peer of a call that has started.
fn peer_of(server: &Server, call: Uuid) -> Option<SocketAddr> {
    let call = call.to_string();
    let log = server.log();
    let line = log
        .iter()
        .find(|line| line.contains("call started") && line.contains(&call))?;
    let (_, peer) = line.split_once("peer=")?;
    peer.split_whitespace().next()?.parse().ok()
}

/// Checks that all of `calls` were answered, and that each caller ended its own call.
fn assert_whole(report: &Value, calls: usize) {
    assert_eq!(report["calls"]["completed"], calls, "{report}");
    assert_eq!(report["hangups"]["caller"], calls, "{report}");
}

/// The checks of HAProxy are no calls and no warnings.
fn assert_no_warning(server: &Server) {
    let log = server.log();
    let warnings: Vec<_> = log.iter().filter(|line| line.contains("WARN")).collect();
    assert!(warnings.is_empty(), "{warnings:#?}");
}
