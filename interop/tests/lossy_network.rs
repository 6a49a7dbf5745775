//! How many calls live on a network that loses packets; see `interop/README.md`.
//!
//! Asterisk and the server are in two network namespaces, with a line between them that loses packets.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use audiosocket_interop::asterisk::Asterisk;
use audiosocket_interop::audio::{Noise, samples, write_wav};
use audiosocket_interop::program::{EndedCall, Server};
use audiosocket_interop::wait_for;
use audiosocket_network_faults::{Line, LineFaults, Namespace};
use uuid::Uuid;

/// The delay of the line, each way.
const DELAY: Duration = Duration::from_millis(20);

/// Calls of one kind: the codec of the dialplan, and the rate that the server plays at.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    codec: &'static str,
    /// `--rate`.
    rate: Option<&'static str>,
}

const KINDS: [Kind; 6] = [
    Kind::at("8 kHz", "slin"),
    Kind::at("16 kHz", "slin16"),
    Kind::at("24 kHz", "slin24"),
    Kind::at("48 kHz", "slin48"),
    Kind::at("96 kHz", "slin96"),
    Kind {
        name: "`c(slin48)`, no `--rate`: 16 kHz",
        codec: "slin48",
        rate: None,
    },
];

impl Kind {
    const fn at(name: &'static str, rate: &'static str) -> Self {
        Self {
            name,
            codec: rate,
            rate: Some(rate),
        }
    }

    /// Whether the server sends 8 or 16 kHz. Its default rate is one of them.
    fn is_narrow(self) -> bool {
        matches!(self.rate, None | Some("slin" | "slin16"))
    }
}

/// The calls of one kind, after a while.
struct Outcome {
    kind: Kind,
    /// The calls that reached the server.
    calls: Vec<EndedCall>,
    /// How many of them had not ended.
    lived: usize,
}

/// Asterisk behind a line.
struct Network {
    /// This is the first field, so Asterisk stops before its network is removed.
    _asterisk: RunningAsterisk,
    line: Line,
    directory: tempfile::TempDir,
}

impl Network {
    /// `loss` is the number of lost packets in 100, each way.
    fn new(loss: u32) -> Self {
        let line = Line::new(LineFaults {
            loss,
            delay: DELAY,
            jitter: Duration::ZERO,
        });
        let asterisk = RunningAsterisk::start_in(&line.near);
        let directory = tempfile::tempdir().expect("a temporary directory");
        let noise = samples(&Noise::new(48_000).bytes(96_000));
        write_wav(&directory.path().join("noise.wav"), 48_000, &noise);
        Self {
            _asterisk: asterisk,
            line,
            directory,
        }
    }

    /// Places `count` calls of each kind at the same time, and counts those that live for `time`. Returns the outcomes, and
    /// the warnings and errors of Asterisk with their numbers.
    fn outcomes(
        &self,
        kinds: &[Kind],
        count: usize,
        time: Duration,
    ) -> (Vec<Outcome>, BTreeMap<String, usize>) {
        let asterisk = Asterisk::take();
        let servers = kinds.iter().map(|kind| self.server(*kind));
        let servers: Vec<_> = servers.collect();
        for _ in 0..count {
            for (kind, server) in kinds.iter().zip(&servers) {
                let (uuid, port) = (Uuid::new_v4(), server.port());
                let far = format!("far-{uuid}-{port:05}-{}", kind.codec);
                asterisk.call(&format!("Local/{far}@audiosocket"), "tone@caller");
            }
        }
        thread::sleep(time);
        let ended = servers.iter().map(|server| {
            let log = server.log();
            let lines = log.iter().filter(|line| line.contains("call ended"));
            lines.inspect(|line| println!("{line}")).count()
        });
        let ended: Vec<_> = ended.collect();
        let complaints = complaints(&asterisk.log());
        asterisk.rx("channel request hangup all");
        asterisk.wait_until_idle();
        let outcomes = kinds.iter().zip(&servers).zip(ended);
        let outcomes = outcomes.map(|((kind, server), ended)| {
            let started = started(server);
            let calls = wait_for("the server to log the end of all calls", || {
                let calls = server.ended_calls();
                (calls.len() == started).then_some(calls)
            });
            Outcome {
                kind: *kind,
                lived: calls.len() - ended,
                calls,
            }
        });
        (outcomes.collect(), complaints)
    }

    fn server(&self, kind: Kind) -> Server {
        let rate = kind.rate.map(|rate| ["--rate", rate]);
        let options: Vec<_> = rate.into_iter().flatten().chain(["--loop"]).collect();
        Server::play_beyond(
            &self.line,
            &options,
            &self.directory.path().join("noise.wav"),
        )
    }
}

impl Outcome {
    /// Calls that live, all calls, and the mean of the retransmissions of a call.
    fn cell(&self) -> String {
        let counts = self.calls.iter().filter_map(|call| call.retransmissions);
        let mean = f64::from(counts.sum::<u32>()) / self.calls.len() as f64;
        format!("{} of {}, {mean:.1}", self.lived, self.calls.len())
    }
}

/// The Asterisk of `interop/asterisk`, in a network namespace. Dropping it stops Asterisk.
struct RunningAsterisk;

impl RunningAsterisk {
    fn start_in(namespace: &Namespace) -> Self {
        let mut command = Command::new("nsenter");
        let network = format!("--net=/run/netns/{}", namespace.name());
        let status = command.arg(network).arg(script()).arg("up").status();
        assert!(status.expect("nsenter can be run").success());
        Self
    }
}

impl Drop for RunningAsterisk {
    fn drop(&mut self) {
        let _ = Command::new(script()).arg("down").status();
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("asterisk")
}

/// The number of calls that reached the server. A call whose first packets are lost twice does not.
fn started(server: &Server) -> usize {
    let log = server.log();
    log.iter()
        .filter(|line| line.contains("call started"))
        .count()
}

/// The texts of the warnings and errors in a log of Asterisk, without the names in quotation marks.
fn complaints(log: &str) -> BTreeMap<String, usize> {
    let mut complaints = BTreeMap::new();
    for line in log.lines() {
        if line.contains("] WARNING[") || line.contains("] ERROR[") {
            let (_, text) = line.split_once(".c: ").unwrap_or(("", line));
            let words = text.split('\'').step_by(2).collect::<Vec<_>>().join("…");
            *complaints.entry(words).or_default() += 1;
        }
    }
    complaints
}

/// Asterisk ends other calls because its own send buffer is full. The server cannot change that.
#[test]
fn frames_come_whole_on_a_network_that_loses_packets() {
    const CALLS: usize = 6;
    let (outcomes, complaints) = Network::new(1).outcomes(&KINDS, CALLS, Duration::from_secs(20));
    println!("{complaints:?}");
    for outcome in outcomes {
        println!("{}: {}", outcome.kind.name, outcome.cell());
        // The first packets of a call can be lost too.
        assert!(outcome.calls.len() + 1 >= CALLS);
        // All 30 such calls of the table lived. A busy machine also ends calls: 1 of 30 without a loss.
        let ended = outcome.calls.len() - outcome.lived;
        assert!(
            !outcome.kind.is_narrow() || ended <= 2,
            "{ended} calls ended"
        );
    }
    // If TCP cuts frames, more than 12 of these 36 calls end for this reason.
    let cut = complaints.get("Poll timed out while waiting for data");
    assert!(cut.is_none_or(|calls| *calls <= 3));
}

/// Prints the table of the guide.
#[test]
#[ignore = "takes two minutes: `interop/run lossy`"]
fn the_table() {
    let mut rows = KINDS.map(|kind| format!("| {} |", kind.name));
    for loss in [0, 1, 3] {
        let (outcomes, complaints) =
            Network::new(loss).outcomes(&KINDS, 10, Duration::from_secs(30));
        for (outcome, row) in outcomes.iter().zip(&mut rows) {
            row.push_str(&format!(" {} |", outcome.cell()));
        }
        println!("{loss} % loss: {complaints:?}");
    }
    println!("\n| sent | no loss | 1 % loss | 3 % loss |\n|---|---|---|---|");
    println!("{}", rows.join("\n"));
}
