#![doc = include_str!("../README.md")]

mod barge_in;
mod callers;
mod cores;
mod figure;
mod flood;
mod machine;
mod playout;
mod program;
mod prompt;
mod reference;
mod runtime;
mod soak;
mod speed;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use callers::Callers;
use figure::Figure;
use flood::FloodArgs;
use reference::Reference;
use soak::SoakArgs;
use speed::SpeedArgs;

/// Measures the servers of this workspace, and tells whether they do what they are meant to.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    what: What,
    /// A few seconds of each, to see that it works; its figures mean nothing and are not judged
    #[arg(long, global = true)]
    short: bool,
    /// Print JSON in place of a table
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// How steadily audio leaves on calls that all play at once
    Playout,
    /// How long what was queued goes on after `clear`
    BargeIn,
    /// What a prompt takes in memory that is played to many calls at once
    Prompt,
    /// These three, which takes five minutes
    All,
    /// What is left behind, and what is lost, in an hour of calls that come and go
    Soak(SoakArgs),
    /// What good calls notice of thousands of connections that mean no good
    Flood(FloodArgs),
    /// What a frame, a call and a connection cost, next to other servers
    Speed(SpeedArgs),
    /// One of those others: an echo, until the process is ended
    #[command(hide = true)]
    Reference { which: Reference },
    /// Callers, for a measurement of this program: prints their report
    #[command(hide = true)]
    Callers { server: String, callers: String },
}

type Part<'a> = Box<dyn FnOnce(bool) -> io::Result<Vec<Figure>> + 'a>;

impl What {
    fn parts(&self) -> Vec<Part<'_>> {
        match self {
            Self::Playout => vec![Box::new(playout::measure)],
            Self::BargeIn => vec![Box::new(barge_in::measure)],
            Self::Prompt => vec![Box::new(prompt::measure)],
            Self::All => vec![
                Box::new(playout::measure),
                Box::new(barge_in::measure),
                Box::new(prompt::measure),
            ],
            Self::Soak(args) => vec![Box::new(|short| soak::measure(args, short))],
            Self::Flood(args) => vec![Box::new(|short| flood::measure(args, short))],
            Self::Speed(args) => {
                let parts = args.parts().into_iter();
                parts.map(|part| Box::new(part) as Part<'_>).collect()
            }
            Self::Reference { .. } | Self::Callers { .. } => Vec::new(),
        }
    }
}

fn main() -> io::Result<ExitCode> {
    let cli = Cli::parse();
    // Each call needs a descriptor, here or in a process that inherits the limit.
    rlimit::increase_nofile_limit(u64::MAX)?;
    match &cli.what {
        What::Reference { which } => which.serve()?,
        What::Callers { server, callers } => {
            Callers::place_and_print(callers, server)?;
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    let mut figures = Vec::new();
    for part in cli.what.parts() {
        let measured = part(cli.short)?;
        if !cli.json {
            println!("{}\n", figure::table(&measured));
        }
        figures.extend(measured);
    }
    if cli.json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    }
    let missed = figures.iter().any(Figure::is_missed);
    Ok(ExitCode::from(u8::from(missed && !cli.short)))
}
