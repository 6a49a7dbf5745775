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
    /// Run only this load; may be given several times
    #[arg(long, value_enum)]
    load: Vec<Load>,
    /// Run only this server; may be given several times. Ratios refer to `epoll`
    #[arg(long, value_parser = PossibleValuesParser::new(contender::names()))]
    server: Vec<String>,
    /// The number of rounds
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    repeat: u16,
    /// Draw plots (SVG) into this directory
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
}

/// A load for servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Load {
    /// 1,000 calls in real time, then 200
    Paced,
    /// 256 calls. Each sends a frame when the frame before has come back
    Saturated,
    /// 64 calls. Each sends 16 frames when the 16 before have come back
    Sixteen,
    /// A prompt on 1,000 calls that also send. The cost of a frame is compared with that of an echo
    Playing,
    /// The memory of each of 5,000 quiet calls
    Memory,
    /// The system calls for each frame of one call
    SystemCalls,
    /// 100 calls in real time, beside 0, 900, 4,900 and 9,900 quiet calls
    Growth,
    /// Calls that end right after their start, 64 at the same time
    Connects,
}

impl SpeedArgs {
    /// The selected loads.
    pub(crate) fn parts(&self) -> Vec<impl FnOnce(bool) -> io::Result<Vec<Figure>>> {
        let selected = |load: &&Load| self.load.is_empty() || self.load.contains(*load);
        let loads = Load::value_variants().iter().filter(selected);
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

/// The setup that all loads share.
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
        let selected = |contender: &&Contender| {
            args.server.is_empty() || args.server.iter().any(|name| name == contender.name)
        };
        let contenders = contender::ALL.iter().filter(selected);
        Ok(Self {
            program: Program::build()?,
            cores: Cores::find()?,
            contenders: contenders.filter(|contender| contender.can_run()).collect(),
            repeat: if short { 1 } else { args.repeat.into() },
            plots: args.plots.clone(),
            short,
        })
    }

    /// Starts an echo. The options are for `audiosocket serve`.
    fn echo(&self, contender: &Contender, options: &[&str]) -> io::Result<Server> {
        self.start(contender.echo(&self.program, options)?)
    }

    /// Starts a server whose log is discarded.
    fn start(&self, command: Command) -> io::Result<Server> {
        Server::start(command, Stdio::null(), &self.cores)
    }

    /// Places calls, and returns their cost for the server. All calls must succeed.
    fn cost(&self, server: &Server, callers: &Callers) -> io::Result<Cost> {
        let callers = Callers {
            server_pid: Some(server.id()),
            // An echo may be late without being lost.
            linger: Duration::from_secs(10),
            ..callers.clone()
        };
        let report = self.report(server, &callers)?;
        let cost = report.server_process.as_ref().and_then(Cost::of);
        cost.ok_or_else(|| io::Error::other(format!("no processor time was measured: {report:?}")))
    }

    /// Places calls. All calls must succeed.
    fn report(&self, server: &Server, callers: &Callers) -> io::Result<Report> {
        good(self.program.report(server, callers, &self.cores)?)
    }
}

/// Whether this program is installed.
fn can_run(program: &str) -> bool {
    let mut version = Command::new(program);
    version
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}
