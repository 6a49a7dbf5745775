//! The command line as a whole: the commands and the exit code.

use std::env;
use std::io;
use std::process::ExitCode;

use clap::{ArgAction, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::logging::LogFormat;
use crate::{call, decode, demo, generate, help, logging, serve, tap, top};

/// AudioSocket servers for Asterisk, and a caller that stands in for Asterisk
#[derive(Debug, Parser)]
#[command(name = "audiosocket", version, after_help = AFTER_HELP, max_term_width = 80)]
#[command(arg_required_else_help = true, disable_help_flag = true)]
#[command(subcommand_required = true, disable_version_flag = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print help: -h the main options, --help all
    #[arg(short, long, global = true, hide = true, help_heading = "Help", action = ArgAction::Help)]
    help: Option<bool>,
    /// Log as text or json
    #[arg(long, value_enum, value_name = "FORMAT", global = true, hide = true, hide_possible_values = true, help_heading = "Help", default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// Print the version
    #[arg(short = 'V', long, hide = true, help_heading = "Help", action = ArgAction::Version)]
    version: Option<bool>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve calls from Asterisk, until SIGINT or SIGTERM
    #[command(subcommand, after_help = serve::AFTER_HELP)]
    Serve(Box<serve::Serve>),
    /// Place calls to a server as Asterisk does, and check the answers
    Call(Box<call::CallArgs>),
    /// Call an echo server in the same process: does it all work here?
    Demo(demo::DemoArgs),
    /// Print the frames of a captured stream, one line each
    Decode(decode::DecodeArgs),
    /// Pass calls on to a server, and capture them
    Tap(tap::TapArgs),
    /// Show the calls of a running server in a terminal
    Top(top::TopArgs),
    /// Write the manual pages and the completions of shells, for a package
    #[command(hide = true)]
    Generate(generate::GenerateArgs),
}

const AFTER_HELP: &str = help::examples!(
    "program.md",
    "audiosocket demo",
    "audiosocket serve echo --listen 0.0.0.0:9092",
    "audiosocket call 127.0.0.1:9092 --calls 100 --duration 10s",
);

pub(crate) fn run() -> ExitCode {
    let matches = help::apply(Cli::command(), env::args_os()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let format = cli.log_format;
    logging::init(format, cli.command.log_directives());
    let result = match cli.command {
        Command::Serve(serve) => serve::run(&serve),
        Command::Call(args) => call::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Decode(args) => decode::run(&args),
        Command::Tap(args) => tap::run(&args),
        Command::Top(args) => top::run(&args),
        Command::Generate(args) => generate::run(&args, help::with_all_options(Cli::command())),
    };
    result.unwrap_or_else(|error| report(format, &error))
}

impl Command {
    /// Returns the filter of the log if `RUST_LOG` is not set.
    fn log_directives(&self) -> &'static str {
        match self {
            Self::Serve(_) | Self::Tap(_) => "info",
            // The report of the calls has the errors of recordings.
            Self::Call(_) => "warn,audiosocket_record=off",
            Self::Demo(_) | Self::Decode(_) | Self::Top(_) | Self::Generate(_) => "warn",
        }
    }
}

/// A closed pipe on standard output (`| head`) is not an error.
fn report(format: LogFormat, error: &io::Error) -> ExitCode {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return ExitCode::SUCCESS;
    }
    logging::fatal(format, error);
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
