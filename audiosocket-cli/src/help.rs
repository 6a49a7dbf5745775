//! The help of each command. `-h` is one screen: the options that most users need. `--help` has all options.

use std::ffi::OsStr;

use clap::Command;

/// The end of a command's help: a note, three examples, and the page of the guide with the rest.
macro_rules! examples {
    ($(note: $note:literal,)? $page:literal, $($example:literal),+ $(,)?) => {
        concat!(
            $($note, "\n",)?
            "Examples:\n",
            $("  ", $example, "\n",)+
            "--help has all options. Guide: docs/src/",
            $page
        )
    };
}
pub(crate) use examples;

/// Without empty lines around the usage, so that the help fits one screen.
const TEMPLATE: &str = "\
{about-with-newline}{usage-heading} {usage}

{all-args}{after-help}";

/// Returns `command` with one-line help. All options are in the help if `args` ask for it with `--help` or `help`.
///
/// clap has a long form of its own, but that takes three lines for each option.
pub(crate) fn apply(
    command: Command,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Command {
    let mut args = args.into_iter().skip(1);
    let all = args.any(|arg| arg.as_ref() == "--help" || arg.as_ref() == "help");
    with_template(command, all)
}

/// Returns `command` with the help that has all options.
pub(crate) fn with_all_options(command: Command) -> Command {
    with_template(command, true)
}

fn with_template(command: Command, all: bool) -> Command {
    let command = command.help_template(TEMPLATE);
    let command = command.mut_args(|arg| if all { arg.hide(false) } else { arg });
    command.mut_subcommands(|command| with_template(command, all))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use crate::cli::Cli;

    /// Returns the examples in the help of `command` and of its subcommands.
    fn examples_of(command: &clap::Command) -> Vec<String> {
        let help = command.get_after_help().map(ToString::to_string);
        let help = help.unwrap_or_default();
        let lines = help.lines().filter_map(|line| line.strip_prefix("  "));
        let mut examples: Vec<_> = lines.map(str::to_owned).collect();
        assert_eq!(examples.len(), 3, "{}", command.get_name());
        for command in command
            .get_subcommands()
            .filter(|command| !command.is_hide_set())
        {
            examples.extend(examples_of(command));
        }
        examples
    }

    #[test]
    fn the_parser_accepts_every_example() {
        for example in examples_of(&Cli::command()) {
            let command = example.split(['|', '<', '>']).next().unwrap();
            let args = command.split_whitespace();
            let args = args.map(|arg| arg.trim_matches('\''));
            let parsed = Cli::command().try_get_matches_from(args);
            assert!(parsed.is_ok(), "{example}: {parsed:?}");
        }
    }
}
