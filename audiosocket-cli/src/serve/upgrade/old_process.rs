//! The process that hands its calls over.

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Weak;
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_server::CallHandle;
use audiosocket_tokio::ServerHandle;
use audiosocket_tokio::handover::hand_over;
use uuid::Uuid;

use super::ListeningSockets;
use super::link::{Link, MAX_MESSAGE, MessageKind, failed, monotonic_nanos};
use crate::serve::operate::ports::OperatorPorts;

/// The most calls that stop at the same time. With more, each stands still for longer, and the upgrade is not faster.
const BATCH: usize = 100;

/// How long calls may take to stop.
const STOP_WITHIN: Duration = Duration::from_millis(100);

/// How long the new process may take to answer while calls stand still.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// How long the new process may take to send its version.
const HELLO_WITHIN: Duration = Duration::from_secs(1);

/// How long the new process may take to be ready. It may read a long audio file.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How often the calls are listed. Connections get their UUID in between.
const ROUNDS: usize = 5;

/// The time between two rounds.
const ROUND_INTERVAL: Duration = Duration::from_millis(20);

/// The server of this process, until another process takes over.
pub(super) struct Handover {
    pub(super) sockets: ListeningSockets,
    pub(super) server: ServerHandle,
    pub(super) drain: Duration,
    pub(super) ports: OperatorPorts,
}

/// The calls that were handed over so far.
#[derive(Default)]
struct HandoverProgress {
    taken: usize,
    /// The calls that the new process refused.
    refused: HashSet<Uuid>,
    longest: Duration,
}

impl Handover {
    /// Waits for processes that connect, until one of them has taken over. Then the calls that are left drain.
    pub(super) fn wait(self, listener: &UnixListener) {
        loop {
            let (stream, _) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot take a connection to the upgrade socket");
                    thread::sleep(Duration::from_secs(1));
                    continue;
                }
            };
            let mut progress = HandoverProgress::default();
            let handed_over = self.hand_over(stream, &mut progress);
            let (calls, refused) = (progress.taken, progress.refused.len());
            match handed_over {
                Ok(()) => {
                    // The new process answers operators and load balancers. They do not get the readiness of this one.
                    drop(self.ports);
                    tracing::info!(calls, refused, longest = ?progress.longest, "another process took over; this one ends after its last call");
                    self.server.shutdown(self.drain);
                    return;
                }
                Err(error) => {
                    tracing::warn!(%error, calls, refused, "an upgrade failed; this process goes on");
                    self.server.pause_accepting(false);
                }
            }
        }
    }

    fn hand_over(&self, stream: UnixStream, progress: &mut HandoverProgress) -> io::Result<()> {
        let link = Link::new(stream)?;
        link.set_timeout(HELLO_WITHIN)?;
        // The other side compares the versions too, so it gets them in any case.
        link.send_hello()?;
        link.receive_hello()?;
        let handed_over = self.hand_over_to(&link, progress);
        if let Err(error) = &handed_over {
            // The process may have ended.
            let _ = link.send(MessageKind::Failed, error.to_string().as_bytes());
        }
        handed_over
    }

    fn hand_over_to(&self, link: &Link, progress: &mut HandoverProgress) -> io::Result<()> {
        for socket in self.sockets.iter().filter_map(Weak::upgrade) {
            link.send_with(MessageKind::Listener, &[], Some(socket.as_fd()))?;
        }
        for (port, socket) in &self.ports.sockets {
            let name = port.name().as_bytes();
            link.send_with(MessageKind::Listener, name, Some(socket.as_fd()))?;
        }
        link.send(MessageKind::End, &[])?;
        link.set_timeout(READY_WITHIN)?;
        link.receive_only(MessageKind::Ready)?;
        link.set_timeout(ANSWER_WITHIN)?;
        // From now on, connections wait for the new process.
        self.server.pause_accepting(true);
        for round in 0..ROUNDS {
            let before = progress.taken;
            self.hand_over_calls(link, progress)?;
            if round > 0 && progress.taken == before {
                break;
            }
            thread::sleep(ROUND_INTERVAL);
        }
        link.send(MessageKind::Finish, &[])
    }

    /// Hands over all calls that have begun, in batches.
    fn hand_over_calls(&self, link: &Link, progress: &mut HandoverProgress) -> io::Result<()> {
        let mut calls = self.server.open_calls();
        calls.retain(|call| {
            call.uuid()
                .is_some_and(|uuid| !progress.refused.contains(&uuid))
        });
        calls
            .chunks(BATCH)
            .try_for_each(|batch| hand_over_batch(link, batch, progress))
    }
}

/// Hands over the calls that agree. If this fails, all of them go on here.
fn hand_over_batch(
    link: &Link,
    calls: &[CallHandle],
    progress: &mut HandoverProgress,
) -> io::Result<()> {
    let began = Instant::now();
    let batch = hand_over(calls, STOP_WITHIN);
    let mut sent = Vec::new();
    for (index, call) in batch.calls().iter().enumerate() {
        let stopped_for = u64::try_from(call.stopped_for().as_nanos()).unwrap_or(u64::MAX);
        let stopped_at = monotonic_nanos().saturating_sub(stopped_for);
        let mut state = stopped_at.to_le_bytes().to_vec();
        state.extend(call.snapshot().encode());
        if state.len() > MAX_MESSAGE {
            progress.refused.insert(call.snapshot().uuid());
            continue;
        }
        let socket: &OwnedFd = call.socket();
        link.send_with(MessageKind::Call, &state, Some(socket.as_fd()))?;
        sent.push(index);
    }
    if sent.is_empty() {
        return Ok(());
    }
    link.send(MessageKind::End, &[])?;
    let answer = link.receive_only(MessageKind::Taken)?;
    let Some((taken, reason)) = answer.split_at_checked(sent.len()) else {
        return Err(failed("the new process did not answer for each call"));
    };
    let mut is_taken = vec![false; batch.calls().len()];
    for (index, taken) in sent.into_iter().zip(taken) {
        is_taken[index] = *taken == 1;
    }
    let count = is_taken.iter().filter(|taken| **taken).count();
    let reason = String::from_utf8_lossy(reason);
    let reason = reason.escape_debug();
    if count == 0 && progress.taken == 0 {
        // It is probably another server, or has other options.
        return Err(failed(format!(
            "the new process refuses all calls: {reason}"
        )));
    }
    if count < is_taken.len() {
        let refused = is_taken.len() - count;
        tracing::warn!(refused, %reason, "calls that the new process refuses stay here");
    }
    for (call, taken) in batch.calls().iter().zip(&is_taken) {
        if !taken {
            progress.refused.insert(call.snapshot().uuid());
        }
    }
    link.send(MessageKind::Commit, &[])?;
    batch.commit(|index| is_taken[index]);
    progress.taken += count;
    progress.longest = progress.longest.max(began.elapsed());
    Ok(())
}
