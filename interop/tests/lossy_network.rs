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

const HZ_8000: Kind = Kind {
    name: "8 kHz, 323",
    codec: "slin",
    rate: Some("slin"),
};
const HZ_16000: Kind = Kind {
    name: "16 kHz, 643",
    codec: "slin16",
    rate: Some("slin16"),
};
const HZ_24000: Kind = Kind {
    name: "24 kHz, 963",
    codec: "slin24",
    rate: Some("slin24"),
};
const HZ_48000: Kind = Kind {
    name: "48 kHz, 1,923",
    codec: "slin48",
    rate: Some("slin48"),
};
/// A caller and a file at 48 kHz. The server plays at 16 kHz.
const DEFAULT: Kind = Kind {
    name: "`c(slin48)`, no `--rate`, 643",
    codec: "slin48",
    rate: None,
};

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
        let ended = servers.iter().map(|server| server.ended_calls().len());
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

/// Sixteen kHz and less live where 48 kHz ends.
#[test]
fn calls_up_to_16_khz_live_on_a_network_that_loses_packets() {
    const CALLS: usize = 6;
    let network = Network::new(1);
    let kinds = [HZ_8000, HZ_16000, DEFAULT, HZ_48000];
    let (outcomes, complaints) = network.outcomes(&kinds, CALLS, Duration::from_secs(20));
    for outcome in &outcomes {
        println!("{}: {}", outcome.kind.name, outcome.cell());
    }
    println!("{complaints:?}");
    let (wide, narrow) = outcomes.split_last().expect("four kinds");
    for outcome in narrow {
        assert!(outcome.calls.len() >= CALLS - 1 && outcome.lived + 2 >= CALLS);
    }
    assert!(wide.lived <= 2);
}

/// Prints the table of the guide.
#[test]
#[ignore = "takes nine minutes: `interop/run lossy`"]
fn the_table() {
    const CALLS: usize = 10;
    let kinds = [HZ_8000, HZ_16000, HZ_24000, HZ_48000, DEFAULT];
    let mut rows = kinds.map(|kind| format!("| {} |", kind.name));
    let mut reasons = Vec::new();
    for loss in [0, 1, 3] {
        let network = Network::new(loss);
        for (kind, row) in kinds.iter().zip(&mut rows) {
            let (outcomes, complaints) = network.outcomes(&[*kind], CALLS, Duration::from_secs(30));
            let cell = outcomes[0].cell();
            row.push_str(&format!(" {cell} |"));
            println!("{} at {loss} %: {cell} {complaints:?}", kind.name);
            reasons.push(complaints);
        }
    }
    println!("\n| rate, bytes per frame | no loss | 1 % loss | 3 % loss |\n|---|---|---|---|");
    println!("{}", rows.join("\n"));
}
