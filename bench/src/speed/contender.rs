//! The servers that are compared.

use std::env;
use std::io;
use std::process::Command;

use clap::ValueEnum as _;

use crate::program::{Program, Serve};
use crate::reference::Reference;
use crate::runtime::Runtime;

/// The server that ratios refer to.
pub(super) const REFERENCE: &str = "epoll";

/// The server that ratios of the load `sixteen` refer to.
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
    /// `audiosocket serve` with its defaults and these options.
    Program(Runtime, &'static [&'static str]),
}

/// The bounds of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Processor time per frame, as a ratio to that of the reference.
    pub(super) paced: Option<f64>,
    pub(super) saturated: Option<f64>,
    /// Microseconds of processor time per frame outside the kernel.
    pub(super) saturated_user: Option<f64>,
    /// Processor time per frame with 16 waiting frames, as a ratio to that of asyncio.
    pub(super) waiting: Option<f64>,
    pub(super) system_calls_per_frame: Option<f64>,
    /// Processor time of a played frame, as a ratio to that of an echoed frame.
    pub(super) playing: Option<f64>,
    pub(super) bytes_per_idle_call: Option<f64>,
    /// Processor time per frame with 5,000 calls, as a ratio to that with 100.
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
    program("tokio-2ms", Runtime::Tokio, TWO_MS, batched(0.8)),
    program("smol", Runtime::Smol, &[], SMOL),
    program("smol-2ms", Runtime::Smol, TWO_MS, batched(0.9)),
    program("blocking", Runtime::Blocking, &[], BLOCKING),
];

const TWO_MS: &[&str] = &["--wake-interval=2ms"];

/// The bounds of a server with a wake interval. It is compared in real time only.
const fn batched(paced: f64) -> Bounds {
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
    /// Whether this machine can run the server. Prints a line if not.
    pub(super) fn can_run(&self) -> bool {
        let can_run = !matches!(self.kind, Kind::Asyncio) || super::can_run("python3");
        if !can_run {
            eprintln!("there is no python3: {} is left out", self.name);
        }
        can_run
    }

    /// Returns the command that starts an echo. `options` are for `audiosocket serve`.
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

    /// Returns the command that starts `audiosocket serve`. `None` for another server.
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
        command.args(own).args(options);
        Some(command)
    }

    /// Whether this is `audiosocket serve`.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self.kind, Kind::Program(..))
    }

    /// Whether the server has no wake interval. A closed loop would only measure the wake interval.
    pub(super) fn answers_at_once(&self) -> bool {
        !matches!(self.kind, Kind::Program(_, TWO_MS))
    }

    pub(super) fn is_reference(&self) -> bool {
        self.name == REFERENCE
    }
}
