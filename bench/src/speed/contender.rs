//! The servers that are compared.

use std::env;
use std::io;
use std::process::{Command, Stdio};

use clap::ValueEnum as _;

use crate::program::{Program, Serve};
use crate::reference::Reference;
use crate::runtime::Runtime;

/// The one that ratios are to.
pub(super) const REFERENCE: &str = "epoll";

/// The one that ratios with frames waiting are to.
pub(super) const ASYNCIO: &str = "asyncio";

#[derive(Debug)]
pub(super) struct Contender {
    pub(super) name: &'static str,
    kind: Kind,
    pub(super) bounds: Bounds,
}

#[derive(Debug)]
enum Kind {
    Reference(Reference),
    Asyncio,
    /// `audiosocket serve` with all its defaults, and with these options besides.
    Program(Runtime, &'static [&'static str]),
}

/// What a server must not exceed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Processor time per frame, times that of the reference.
    pub(super) paced: Option<f64>,
    pub(super) saturated: Option<f64>,
    /// Microseconds of it outside the kernel.
    pub(super) saturated_user: Option<f64>,
    /// With 16 frames waiting, times that of asyncio.
    pub(super) waiting: Option<f64>,
    pub(super) system_calls_per_frame: Option<f64>,
    /// Processor time of a played frame, times that of one that is echoed.
    pub(super) playing: Option<f64>,
    pub(super) bytes_per_idle_call: Option<f64>,
    /// Processor time per frame with 5,000 calls, times that with 100.
    pub(super) growth: Option<f64>,
}

const NONE: Bounds = Bounds {
    paced: None,
    saturated: None,
    saturated_user: None,
    waiting: None,
    system_calls_per_frame: None,
    playing: None,
    bytes_per_idle_call: None,
    growth: None,
};

const TOKIO: Bounds = Bounds {
    paced: Some(1.05),
    saturated: Some(1.05),
    saturated_user: Some(0.45),
    waiting: Some(1.0 / 20.0),
    system_calls_per_frame: Some(3.1),
    playing: Some(1.1),
    bytes_per_idle_call: Some(1_500.0),
    growth: Some(1.15),
};

const SMOL: Bounds = Bounds {
    paced: Some(1.3),
    saturated: Some(1.2),
    saturated_user: Some(0.8),
    waiting: Some(1.0 / 20.0),
    system_calls_per_frame: Some(7.0),
    playing: Some(1.15),
    bytes_per_idle_call: Some(1_500.0),
    growth: Some(1.15),
};

const BLOCKING: Bounds = Bounds {
    paced: Some(1.6),
    saturated: Some(1.75),
    saturated_user: Some(1.0),
    waiting: Some(1.0 / 12.0),
    system_calls_per_frame: Some(3.1),
    playing: Some(1.3),
    bytes_per_idle_call: Some(16_000.0),
    growth: Some(1.3),
};

pub(super) const ALL: &[Contender] = &[
    other(REFERENCE, Kind::Reference(Reference::Epoll)),
    other("lean-tokio", Kind::Reference(Reference::LeanTokio)),
    other("naive-tokio", Kind::Reference(Reference::NaiveTokio)),
    other(ASYNCIO, Kind::Asyncio),
    program("tokio", Runtime::Tokio, &[], TOKIO),
    program("tokio-threads", Runtime::Tokio, &["--threads=1"], TOKIO),
    program("tokio-2ms", Runtime::Tokio, TWO_MS, gathered(0.8)),
    program("smol", Runtime::Smol, &[], SMOL),
    program("smol-2ms", Runtime::Smol, TWO_MS, gathered(0.9)),
    program("blocking", Runtime::Blocking, &[], BLOCKING),
];

const TWO_MS: &[&str] = &["--wake-interval=2ms"];

/// Of a server that gathers its work, which is compared in real time only.
const fn gathered(paced: f64) -> Bounds {
    Bounds {
        paced: Some(paced),
        ..NONE
    }
}

const fn other(name: &'static str, kind: Kind) -> Contender {
    let bounds = NONE;
    Contender { name, kind, bounds }
}

const fn program(
    name: &'static str,
    runtime: Runtime,
    options: &'static [&'static str],
    bounds: Bounds,
) -> Contender {
    let kind = Kind::Program(runtime, options);
    Contender { name, kind, bounds }
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|contender| contender.name)
}

impl Contender {
    /// Whether this machine has what it takes; says so if not.
    pub(super) fn can_run(&self) -> bool {
        let Kind::Asyncio = self.kind else {
            return true;
        };
        let mut python = Command::new("python3");
        python
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let has_python = python.status().is_ok_and(|status| status.success());
        if !has_python {
            eprintln!("no python3 here: {} is left out", self.name);
        }
        has_python
    }

    /// The command that serves an echo; `options` are for `audiosocket serve`.
    pub(super) fn echo(&self, program: &Program, options: &[&str]) -> io::Result<Command> {
        Ok(match self.kind {
            Kind::Reference(reference) => {
                let mut command = Command::new(env::current_exe()?);
                let name = reference.to_possible_value();
                let name = name.as_ref().map_or("", |name| name.get_name());
                command.args(["reference", name]);
                command
            }
            Kind::Asyncio => {
                let mut command = Command::new("python3");
                command.args(["-c", include_str!("../../servers/asyncio_echo.py")]);
                command
            }
            Kind::Program(..) => self
                .serve(program, Serve::Echo, options)
                .ok_or(io::ErrorKind::Unsupported)?,
        })
    }

    /// What starts `audiosocket serve`; `None` if this is another server.
    pub(super) fn serve(
        &self,
        program: &Program,
        what: Serve<'_>,
        options: &[&str],
    ) -> Option<Command> {
        let Kind::Program(runtime, own) = self.kind else {
            return None;
        };
        let mut command = program.server(what, runtime);
        command.env_remove("RUST_LOG").args(own).args(options);
        Some(command)
    }

    /// Whether it is one of this workspace's.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self.kind, Kind::Program(..))
    }

    /// Whether it waits for work to gather, so that a closed loop measures how long it waits.
    pub(super) fn gathers(&self) -> bool {
        matches!(self.kind, Kind::Program(_, TWO_MS))
    }

    pub(super) fn is_reference(&self) -> bool {
        self.name == REFERENCE
    }
}
