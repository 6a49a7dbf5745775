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

use figure::Figure;
use flood::FloodArgs;
use reference::Reference;
use soak::SoakArgs;
use speed::SpeedArgs;

/// Measures the servers of this workspace under load, and checks bounds.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    what: What,
    /// Run for a few seconds, to see that the program works. The figures mean nothing, and bounds are
    /// not checked
    #[arg(long, global = true)]
    short: bool,
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The lateness of frames on calls that play at the same time
    Playout,
    /// The time from `clear` to the last frame with cleared audio
    BargeIn,
    /// The memory of a prompt that is played to many calls
    Prompt,
    /// The three above, in about eight minutes
    All,
    /// Lost frames, and memory and descriptors left after an hour of calls
    Soak(SoakArgs),
    /// The latency of calls beside thousands of hostile connections
    Flood(FloodArgs),
    /// The cost of a frame, a call and a connection, compared with other servers
    Speed(SpeedArgs),
    /// Runs an echo server to compare with, until the process ends
    #[command(hide = true)]
    Reference { which: Reference },
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
            Self::Reference { .. } => Vec::new(),
        }
    }
}

fn main() -> io::Result<ExitCode> {
    let cli = Cli::parse();
    // Each call needs a descriptor in a process that inherits the limit.
    rlimit::increase_nofile_limit(u64::MAX)?;
    if let What::Reference { which } = &cli.what {
        which.serve()?;
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
