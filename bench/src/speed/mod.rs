mod contender;
mod cost;
mod per_frame;
mod rounds;
mod spread;

use std::fs::File;
use std::io;
use std::process::Stdio;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use serde_json::Value;

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
}

/// What servers are loaded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Load {
    /// 1,000 calls in real time, and 200
    Paced,
    /// 256 calls, each of which sends a frame when the one before has come back
    Saturated,
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
        }
    }
}

/// What all loads need.
struct Bench {
    program: Program,
    cores: Cores,
    contenders: Vec<&'static Contender>,
    repeat: usize,
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
            short,
        })
    }

    /// Starts an echo of its own, with these options if it is `audiosocket serve`.
    fn echo(&self, contender: &Contender, options: &[&str]) -> io::Result<Server> {
        let mut command = contender.echo(&self.program, options)?;
        // As a service manager has it: the log goes somewhere, and nobody waits for it.
        command.stderr(Stdio::from(File::create("/dev/null")?));
        Server::start(command, &self.cores)
    }

    /// Places calls, all of which have to be good, and tells what they cost the server.
    fn cost(&self, server: &Server, args: &[String]) -> io::Result<Cost> {
        let mut args = args.to_vec();
        args.push(format!("--server-pid={}", server.id()));
        // Whoever is late is slow, and not wrong.
        args.push("--linger=10s".to_owned());
        let report = self.report(server, &args)?;
        let cost = Cost::of(&report["server_process"]);
        cost.ok_or_else(|| io::Error::other(format!("no time was measured: {report}")))
    }

    fn report(&self, server: &Server, args: &[String]) -> io::Result<Value> {
        let report = self.program.report(server, args, &self.cores)?;
        if report["ok"] != true {
            return Err(io::Error::other(format!("calls failed: {report}")));
        }
        Ok(report)
    }
}
