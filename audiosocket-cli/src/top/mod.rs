//! `audiosocket top`: the calls of a running server, in a terminal.

mod client;
mod report;
mod screen;
mod sort_order;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::usage_error::usage_error;
use crate::{duration, help, output};
use client::StatusClient;
use screen::Screen;

#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct TopArgs {
    /// The server's --status-listen: PORT, HOST:PORT or http://HOST:PORT
    #[arg(value_name = "ADDR", default_value = "9100")]
    addr: String,
    /// Time between two updates
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration::parse_positive)]
    interval: Duration,
    /// Print the status once, without a terminal
    #[arg(long)]
    once: bool,
}

const AFTER_HELP: &str = help::examples!(
    note: "Keys: q ends, s sorts by another column, the arrow keys scroll.",
    "metrics.md",
    "audiosocket top",
    "audiosocket top 192.0.2.10:9100 --interval 5s",
    "audiosocket top 9100 --once | head",
);

/// The columns of the printed status, which has no terminal to ask.
const PRINTED_COLUMNS: u16 = 140;

pub(crate) fn run(args: &TopArgs) -> io::Result<ExitCode> {
    let client = StatusClient::new(&args.addr);
    let mut screen = Screen::new(client.addr());
    // An address without a server ends the program. Later, the server may restart.
    screen.update(Instant::now(), client.fetch()?);
    if args.once {
        output::line(screen.print(PRINTED_COLUMNS))?;
        return Ok(ExitCode::SUCCESS);
    }
    if !io::stdout().is_terminal() {
        usage_error(
            "audiosocket top",
            "standard output is not a terminal; add --once to print the status once",
        );
    }
    let result = show(
        &mut ratatui::try_init()?,
        &client,
        &mut screen,
        args.interval,
    );
    ratatui::try_restore()?;
    result.map(|()| ExitCode::SUCCESS)
}

/// Draws the screen at each interval and after each key, until the user ends it.
fn show(
    terminal: &mut DefaultTerminal,
    client: &StatusClient,
    screen: &mut Screen,
    interval: Duration,
) -> io::Result<()> {
    let mut next_update = Instant::now() + interval;
    loop {
        terminal.draw(|frame| screen.draw(frame.area(), frame.buffer_mut()))?;
        let wait = next_update.saturating_duration_since(Instant::now());
        if event::poll(wait)? {
            match event::read()? {
                Event::Key(key) if is_end(key) => return Ok(()),
                Event::Key(key) if key.kind == KeyEventKind::Press => press(screen, key.code),
                _ => {}
            }
        } else {
            match client.fetch() {
                Ok(status) => screen.update(Instant::now(), status),
                Err(error) => screen.failed(&error),
            }
            next_update = Instant::now() + interval;
        }
    }
}

/// In raw mode, Ctrl-C is a key and no signal.
fn is_end(key: KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c') => control,
        KeyCode::Char('q') | KeyCode::Esc => true,
        _ => false,
    }
}

fn press(screen: &mut Screen, key: KeyCode) {
    match key {
        KeyCode::Char('s') => screen.sort_by_next(),
        KeyCode::Down => screen.scroll(1),
        KeyCode::Up => screen.scroll(-1),
        KeyCode::PageDown => screen.scroll(20),
        KeyCode::PageUp => screen.scroll(-20),
        KeyCode::Home => screen.scroll(isize::MIN),
        _ => {}
    }
}
