//! The command line as a whole: the commands and the exit code.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{call, decode, demo, logging, serve};

/// Servers to point Asterisk's AudioSocket at, and a caller that stands in for Asterisk.
#[derive(Debug, Parser)]
#[command(name = "audiosocket", version, after_long_help = AFTER_HELP, max_term_width = 100)]
#[command(arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve calls from Asterisk, until SIGINT or SIGTERM
    #[command(subcommand)]
    Serve(serve::Serve),
    /// Place calls to a server, as Asterisk would, and check what comes back
    Call(call::CallArgs),
    /// Serve an echo and call it, in one process
    Demo(demo::DemoArgs),
    /// Print the frames of a captured stream, one line each
    Decode(decode::DecodeArgs),
}

const AFTER_HELP: &str = "\
Examples:
  audiosocket demo                                   see it work: 20 calls echoed for five seconds
  audiosocket serve echo --listen 0.0.0.0:9092       play back to each caller what the caller says
  audiosocket serve record /var/spool/calls          what each caller says, into a WAV file
  audiosocket serve play prompt.wav --barge-in       a WAV file for each caller, until the caller speaks
  audiosocket serve bot                              a small IVR, with the voice of espeak-ng
  audiosocket call 127.0.0.1:9092                    one call of five seconds, its echo checked
  audiosocket call voicebot:9092 --expect any --dtmf '15#' --duration 20s
  audiosocket decode capture.bin --json | jq .kind

In Asterisk's dialplan (extensions.conf), for a server on 192.0.2.10:9092:
  exten => 100,1,Answer()
   same => n,AudioSocket(${UUID()},192.0.2.10:9092)
   same => n,Hangup()
or, at 16 kHz:
   same => n,Dial(AudioSocket/192.0.2.10:9092/${UUID()}/c(slin16))

Exit codes:
  0    all went well
  1    something failed: a call, a frame, a file, a socket
  2    the command line was wrong
  130  `call` or `demo` was interrupted; the figures up to then have been printed

Logs go to standard error, as RUST_LOG says (such as RUST_LOG=debug); results to standard output.";

pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Serve(serve) => {
            logging::init("info");
            serve::run(&serve)
        }
        Command::Call(args) => {
            // Its report has the results of recordings.
            logging::init("warn,audiosocket_record=off");
            call::run(&args)
        }
        Command::Demo(args) => {
            logging::init("warn");
            demo::run(&args)
        }
        Command::Decode(args) => decode::run(&args),
    };
    result.unwrap_or_else(|error| report(&error))
}

/// A closed pipe on standard output (`| head`) is not an error.
fn report(error: &io::Error) -> ExitCode {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return ExitCode::SUCCESS;
    }
    let _ = writeln!(io::stderr(), "audiosocket: {error}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
