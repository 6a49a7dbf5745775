mod connects;
mod contender;
mod cost;
mod growth;
mod memory;
mod per_frame;
mod playing;
mod plots;
mod rounds;
mod spread;
mod system_calls;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use audiosocket_testing::load::Report;
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};

use crate::callers::{Callers, good};
use crate::cores::Cores;
use crate::figure::Figure;
use crate::program::{Program, Server};
use contender::Contender;
use cost::Cost;

#[derive(Args, Clone, Debug)]
pub(crate) struct SpeedArgs {
    /// Only this load; may be given several times
    #[arg(long, value_enum)]
    load: Vec<Load>,
    /// Only this server; may be given several times. Ratios are to `epoll`
    #[arg(long, value_parser = PossibleValuesParser::new(contender::names()))]
    server: Vec<String>,
    /// How many times each server has its turn
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    repeat: u16,
    /// Draw plots (SVG) into this directory
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
}

/// What servers are loaded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Load {
    /// 1,000 calls in real time, and 200
    Paced,
    /// 256 calls, each of which sends a frame when the one before has come back
    Saturated,
    /// 64 calls, each of which sends 16 frames when the 16 before have come back
    Sixteen,
    /// A prompt for each of 1,000 calls, which send as well; what a frame costs next to an echoed one
    Playing,
    /// 5,000 quiet calls, and what each takes in memory
    Memory,
    /// One call in real time, and the system calls that its frames take
    SystemCalls,
    /// 100 calls in real time, beside none, 900, 4,900 and 9,900 that are quiet
    Growth,
    /// Calls that end as soon as they have begun, 64 at a time
    Connects,
}

impl SpeedArgs {
    /// The loads that are asked for, one by one.
    pub(crate) fn parts(&self) -> Vec<impl FnOnce(bool) -> io::Result<Vec<Figure>>> {
        let asked_for = |load: &&Load| self.load.is_empty() || self.load.contains(*load);
        let loads = Load::value_variants().iter().filter(asked_for);
        loads
            .map(|load| {
                let (load, args) = (*load, self.clone());
                move |short| load.measure(&Bench::new(&args, short)?)
            })
            .collect()
    }
}

impl Load {
    fn measure(self, bench: &Bench) -> io::Result<Vec<Figure>> {
        match self {
            Self::Paced => per_frame::paced(bench),
            Self::Saturated => per_frame::saturated(bench),
            Self::Sixteen => per_frame::sixteen(bench),
            Self::Playing => playing::measure(bench),
            Self::Memory => memory::measure(bench),
            Self::SystemCalls => system_calls::measure(bench),
            Self::Growth => growth::measure(bench),
            Self::Connects => connects::measure(bench),
        }
    }
}

/// What all loads need.
struct Bench {
    program: Program,
    cores: Cores,
    contenders: Vec<&'static Contender>,
    repeat: usize,
    plots: Option<PathBuf>,
    short: bool,
}

impl Bench {
    fn new(args: &SpeedArgs, short: bool) -> io::Result<Self> {
        let asked_for = |contender: &&Contender| {
            args.server.is_empty() || args.server.iter().any(|name| name == contender.name)
        };
        let contenders = contender::ALL.iter().filter(asked_for);
        Ok(Self {
            program: Program::build()?,
            cores: Cores::find()?,
            contenders: contenders.filter(|contender| contender.can_run()).collect(),
            repeat: if short { 1 } else { args.repeat.into() },
            plots: args.plots.clone(),
            short,
        })
    }

    /// Starts an echo of its own, with these options if it is `audiosocket serve`.
    fn echo(&self, contender: &Contender, options: &[&str]) -> io::Result<Server> {
        self.start(contender.echo(&self.program, options)?)
    }

    fn start(&self, mut command: Command) -> io::Result<Server> {
        // As a service manager has it: the log goes somewhere, and nobody waits for it.
        command.stderr(Stdio::from(File::create("/dev/null")?));
        Server::start(command, &self.cores)
    }

    /// Places calls, and returns what they cost the server. All calls have to succeed.
    fn cost(&self, server: &Server, callers: &Callers) -> io::Result<Cost> {
        let callers = Callers {
            server_pid: Some(server.id()),
            // A late echo is slow, not wrong.
            linger: Duration::from_secs(10),
            ..callers.clone()
        };
        let report = self.report(server, &callers)?;
        let cost = report.server_process.as_ref().and_then(Cost::of);
        cost.ok_or_else(|| io::Error::other(format!("no time was measured: {report:?}")))
    }

    /// Places calls from a process, whose processor time shows whether the callers were the limit.
    /// All calls have to succeed.
    fn report(&self, server: &Server, callers: &Callers) -> io::Result<Report> {
        good(self.program.report(server, callers, &self.cores)?)
    }
}
