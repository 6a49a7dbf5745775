//! `audiosocket generate`: the manual pages and the completions of shells, for packages.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

/// The shells with completions in Debian.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Fish, Shell::Zsh];

#[derive(Args, Debug)]
pub(crate) struct GenerateArgs {
    /// The directory; it is made if it does not exist
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// Writes a manual page for each command of `program`, and a completion for each shell.
pub(crate) fn run(args: &GenerateArgs, program: Command) -> io::Result<ExitCode> {
    fs::create_dir_all(&args.directory)?;
    let name = program.get_name().to_owned();
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut program.clone(), &name, &args.directory)?;
    }
    clap_mangen::generate_to(program, &args.directory)?;
    Ok(ExitCode::SUCCESS)
}
