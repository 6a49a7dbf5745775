//! The status of a running server: by HTTP, and in the log.

use std::io;
use std::net::ToSocketAddrs as _;

use audiosocket_status::StatusServer;
use audiosocket_tokio::ServerHandle;
use clap::Args;

use super::ports::{OperatorPort, OperatorPorts, TakenPorts};
use crate::output;

/// The option of the status server.
#[derive(Args, Debug)]
pub(in crate::serve) struct StatusOptions {
    /// Status and metrics on ADDR, such as 9100
    #[arg(
        long = "status-listen",
        value_name = "ADDR",
        help_heading = "Network",
        hide = true
    )]
    addr: Option<String>,
}

impl StatusOptions {
    /// Starts the status server, if there is one, and prints its address.
    pub(in crate::serve) fn start(
        &self,
        server: &ServerHandle,
        taken: &mut TakenPorts,
        ports: &mut OperatorPorts,
    ) -> io::Result<()> {
        let Some(addr) = &self.addr else {
            return Ok(());
        };
        // Another kind of error gets a remedy for `--listen`.
        let error = |error| io::Error::other(format!("--status-listen: {error}"));
        let addrs = audiosocket_status::with_host(addr).to_socket_addrs();
        let addrs: Vec<_> = addrs.into_iter().flatten().collect();
        let bind = || audiosocket_status::listen(addr);
        let listener = ports.listen(OperatorPort::Status, taken, &addrs, bind);
        let listener = listener.map_err(error)?;
        let status = StatusServer::with_listener(listener, server.clone()).map_err(error)?;
        output::announce(format_args!("status on http://{}/", status.local_addr()));
        ports.status = Some(status);
        Ok(())
    }
}

/// Logs a line about the server, and a line about each call, the oldest first.
pub(in crate::serve) fn log(server: &ServerHandle) {
    let stats = server.stats();
    let refused: u64 = stats
        .counters
        .refusals()
        .iter()
        .map(|(_, count)| count)
        .sum();
    let full = server.calls().full();
    tracing::info!(
        calls = stats.calls,
        connections = server.calls().len(),
        started = stats.counters.started,
        refused,
        times_full = stats.counters.times_full,
        full = full.map(tracing::field::display),
        state = server.readiness().name(),
        late = stats.playout.late,
        underruns = stats.playout.underruns,
        barge_ins = stats.playout.barge_ins,
        "summary"
    );
    for call in server.open_calls() {
        let stats = call.stats();
        tracing::info!(
            uuid = call.uuid().map(tracing::field::display),
            peer = %call.peer(),
            seconds = format_args!("{:.3}", call.age().as_secs_f64()),
            rate_in = call.sample_rate().map(tracing::field::display),
            rate_out = stats.rate_sent.map(tracing::field::display),
            frames_in = stats.session.audio_frames_received,
            frames_out = stats.session.audio_frames_sent,
            queued = ?stats.playout.depth,
            late = stats.playout.late,
            last_event = call.last_event().map(|(event, _)| event.name()),
            "open call"
        );
    }
}
