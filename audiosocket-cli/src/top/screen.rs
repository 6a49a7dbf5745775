//! The screen: a few lines about the server, and a table of its calls.

use std::io;
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Row, StatefulWidget, Table, TableState, Widget as _};

use super::report::{ShownCall, ShownRefusal, ShownStatus, ShownSummary};
use super::sort_order::SortOrder;

/// The maximum number of refusals that the screen shows.
const REFUSALS: usize = 3;

/// The lines about the server above the table.
const HEAD_LINES: u16 = 4;

/// What the screen shows, and where the user has scrolled.
#[derive(Debug)]
pub(super) struct Screen {
    addr: String,
    status: ShownStatus,
    /// Frames per second from and to the callers, since the update before.
    frame_rates: Option<(f64, f64)>,
    updated_at: Option<Instant>,
    error: Option<String>,
    order: SortOrder,
    first_row: usize,
}

impl Screen {
    /// Creates an empty screen for the server at `addr`.
    pub(super) fn new(addr: &str) -> Self {
        Self {
            addr: addr.to_owned(),
            status: ShownStatus::default(),
            frame_rates: None,
            updated_at: None,
            error: None,
            order: SortOrder::Age,
            first_row: 0,
        }
    }

    /// Shows a new status.
    pub(super) fn update(&mut self, now: Instant, status: ShownStatus) {
        self.frame_rates = self.updated_at.and_then(|before| {
            let seconds = now.saturating_duration_since(before).as_secs_f64();
            let (old, new) = (&self.status.summary, &status.summary);
            // A server that restarted counts from zero again.
            let per_second = |old, new: u64| Some(new.checked_sub(old)? as f64 / seconds);
            let rates = (
                per_second(old.frames_in, new.frames_in)?,
                per_second(old.frames_out, new.frames_out)?,
            );
            (seconds > 0.0).then_some(rates)
        });
        self.updated_at = Some(now);
        self.status = status;
        self.error = None;
        self.sort();
    }

    /// Shows that the status could not be had, beside the last one.
    pub(super) fn failed(&mut self, error: &io::Error) {
        self.error = Some(error.to_string());
        self.updated_at = None;
        self.frame_rates = None;
    }

    /// Sorts the calls by the next column.
    pub(super) fn sort_by_next(&mut self) {
        self.order = self.order.next();
        self.sort();
    }

    fn sort(&mut self) {
        let order = self.order;
        let calls = &mut self.status.calls.calls;
        calls.sort_by(|a, b| order.value(b).total_cmp(&order.value(a)));
    }

    /// Moves the table by `rows`, down if they are positive.
    pub(super) fn scroll(&mut self, rows: isize) {
        let last = self.status.calls.calls.len().saturating_sub(1);
        self.first_row = self.first_row.saturating_add_signed(rows).min(last);
    }

    /// Returns all calls as text, without scrolling.
    pub(super) fn print(&mut self, columns: u16) -> String {
        let rows = self.status.calls.calls.len();
        // The head, the title of the table, the refusals, the keys.
        let lines = rows + usize::from(HEAD_LINES) + 1 + self.refusals().len();
        let area = Rect::new(0, 0, columns, u16::try_from(lines).unwrap_or(u16::MAX));
        let mut buffer = Buffer::empty(area);
        self.draw_status(area, &mut buffer);
        let cells = buffer.content.chunks(usize::from(columns));
        let lines = cells.map(|cells| {
            let line: String = cells.iter().map(|cell| cell.symbol()).collect();
            line.trim_end().to_owned()
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Draws the screen with a last line about the keys.
    pub(super) fn draw(&mut self, area: Rect, buffer: &mut Buffer) {
        let [status, keys] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(area);
        self.draw_status(status, buffer);
        let (text, style) = match &self.error {
            Some(error) => (error.clone(), Style::new().add_modifier(Modifier::BOLD)),
            None => {
                let order = self.order.name();
                let text = format!("q: end   s: sort (by {order})   arrow keys: scroll");
                (text, Style::new().add_modifier(Modifier::DIM))
            }
        };
        Line::styled(text, style).render(keys, buffer);
    }

    fn draw_status(&mut self, area: Rect, buffer: &mut Buffer) {
        let refusals = self.refusals();
        let rows = u16::try_from(refusals.len()).unwrap_or(0);
        let [head, table, last] = Layout::vertical([
            Constraint::Length(HEAD_LINES),
            Constraint::Fill(1),
            Constraint::Length(rows),
        ])
        .areas(area);
        for (line, row) in self.head().into_iter().zip(head.rows()) {
            Line::raw(line).render(row, buffer);
        }
        for (line, row) in refusals.into_iter().zip(last.rows()) {
            Line::raw(line).render(row, buffer);
        }
        let mut state = TableState::new().with_offset(self.first_row);
        StatefulWidget::render(self.table(), table, buffer, &mut state);
    }

    fn head(&self) -> [String; HEAD_LINES as usize] {
        let ShownSummary {
            state,
            reason,
            calls,
            pending,
            max_calls,
            started,
            ..
        } = &self.status.summary;
        let summary = &self.status.summary;
        let reason = reason.as_ref().map(|reason| format!(": {reason}"));
        let state = format!("{}{}", state.replace('_', " "), reason.unwrap_or_default());
        let uptime = time(summary.uptime_seconds);
        let descriptors = match (summary.open_fds, summary.max_fds) {
            (Some(open), Some(max)) => format!("   {open} of {max} descriptors"),
            _ => String::new(),
        };
        let rates = match self.frame_rates {
            Some((received, sent)) => format!("{received:.0} in, {sent:.0} out"),
            None => "- in, - out".to_owned(),
        };
        let refused: u64 = summary.refused.values().sum();
        let late = 100.0 * summary.frames_late as f64 / summary.frames_played.max(1) as f64;
        [
            format!("{}   {state}   up {uptime}{descriptors}", self.addr),
            format!(
                "{calls} of {max_calls} calls, {pending} pending   {started} started, {refused} refused, {} times full",
                summary.times_full
            ),
            format!(
                "frames per second: {rates}   dropped: {}   silent: {} callers, {} from the server",
                summary.frames_dropped, summary.silent_from_caller, summary.silent_from_server
            ),
            format!(
                "played frames late: {late:.2} %   underruns: {}   barge-ins: {}",
                summary.underruns, summary.barge_ins
            ),
        ]
    }

    fn refusals(&self) -> Vec<String> {
        let refusals = self.status.summary.last_refusals.iter().take(REFUSALS);
        let line = |refusal: &ShownRefusal| {
            let ago = time(refusal.seconds_ago);
            format!("refused {} {ago} ago: {}", refusal.peer, refusal.reason)
        };
        refusals.map(line).collect()
    }

    fn table(&self) -> Table<'static> {
        let widths = [
            Constraint::Length(9),
            Constraint::Min(36),
            Constraint::Fill(1),
            Constraint::Length(6),
            Constraint::Length(6),
            Constraint::Length(9),
            Constraint::Length(9),
            Constraint::Length(7),
            Constraint::Length(7),
            Constraint::Length(18),
        ];
        let names = [
            "age",
            "uuid",
            "peer",
            "in",
            "out",
            "frames in",
            "out",
            "late ms",
            "queue",
            "last event",
        ];
        let rows = self.status.calls.calls.iter().map(row);
        let title = Row::new(names).style(Style::new().add_modifier(Modifier::REVERSED));
        Table::new(rows, widths).header(title)
    }
}

fn row(call: &ShownCall) -> Row<'static> {
    let hz = |rate: u32| rate.to_string();
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let event = call.last_event.as_ref().map(|event| {
        let kind = event.kind.replace('_', " ");
        format!("{kind} {}", time(event.seconds_ago))
    });
    Row::new([
        time(call.age_seconds),
        or_dash(call.uuid.clone()),
        call.peer.clone(),
        or_dash(call.codec.clone().or(call.rate_in.map(hz))),
        or_dash(call.rate_out.map(hz)),
        call.frames_in.to_string(),
        call.frames_out.to_string(),
        or_dash(call.lateness_ms.map(|lateness| format!("{lateness:.2}"))),
        time(call.queued_ms / 1000.0),
        or_dash(event),
    ])
}

/// Returns the two largest units of a time, such as `1m 5s`.
fn time(seconds: f64) -> String {
    // A server can send any number. `as` keeps it in range.
    let seconds = seconds as u64;
    let text = humantime::format_duration(Duration::from_secs(seconds)).to_string();
    let units: Vec<_> = text.split(' ').take(2).collect();
    units.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::report::{ShownCalls, ShownEvent};

    fn call(uuid: &str, age_seconds: f64, lateness_ms: f64) -> ShownCall {
        ShownCall {
            uuid: Some(uuid.to_owned()),
            peer: "192.0.2.1:4000".to_owned(),
            age_seconds,
            lateness_ms: Some(lateness_ms),
            rate_in: Some(8000),
            frames_in: 500,
            queued_ms: 2500.0,
            last_event: Some(ShownEvent {
                kind: "shutting_down".to_owned(),
                seconds_ago: 3.2,
            }),
            ..ShownCall::default()
        }
    }

    fn status(frames_in: u64) -> ShownStatus {
        ShownStatus {
            summary: ShownSummary {
                state: "full".to_owned(),
                reason: Some("too many calls".to_owned()),
                calls: 2,
                max_calls: 2,
                uptime_seconds: 90_061.0,
                refused: [("max_calls".to_owned(), 7), ("admission".to_owned(), 1)].into(),
                frames_in,
                last_refusals: vec![ShownRefusal {
                    seconds_ago: 61.0,
                    peer: "192.0.2.7:1".to_owned(),
                    reason: "too many\u{1b}[2J calls".to_owned(),
                }],
                ..ShownSummary::default()
            },
            calls: ShownCalls {
                total: 2,
                calls: vec![call("young", 5.0, 9.5), call("old", 65.0, 0.25)],
            },
        }
    }

    fn lines(screen: &mut Screen) -> Vec<String> {
        let text = screen.print(140);
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_screen_has_the_server_its_calls_and_the_last_refusals() {
        let mut screen = Screen::new("127.0.0.1:9100");
        screen.update(Instant::now(), status(0));
        let lines = lines(&mut screen);
        assert_eq!(
            lines[0],
            "127.0.0.1:9100   full: too many calls   up 1day 1h"
        );
        assert!(lines[1].starts_with("2 of 2 calls, 0 pending"), "{lines:?}");
        assert!(lines[1].contains("8 refused"), "{lines:?}");
        assert!(lines[4].starts_with("age       uuid"), "{lines:?}");
        assert!(lines[5].starts_with("1m 5s     old"), "{lines:?}");
        assert!(
            lines[5].contains("0.25    2s      shutting down 3s"),
            "{lines:?}"
        );
        assert!(lines[6].starts_with("5s        young"), "{lines:?}");
        assert_eq!(lines.len(), 8, "{lines:?}");
        assert!(!lines[7].contains('\u{1b}'), "{lines:?}");
        assert!(lines[7].starts_with("refused 192.0.2.7:1 1m 1s ago: too many"));
    }

    #[test]
    fn the_rates_are_those_since_the_update_before() {
        let mut screen = Screen::new("");
        let start = Instant::now();
        screen.update(start, status(100));
        assert!(lines(&mut screen)[2].starts_with("frames per second: - in, - out"));
        screen.update(start + Duration::from_secs(2), status(300));
        assert!(lines(&mut screen)[2].starts_with("frames per second: 100 in, 0 out"));
        // The server has restarted.
        screen.update(start + Duration::from_secs(3), status(5));
        assert!(lines(&mut screen)[2].starts_with("frames per second: - in, - out"));
    }

    #[test]
    fn the_user_sorts_and_scrolls() {
        let mut screen = Screen::new("");
        screen.update(Instant::now(), status(0));
        screen.sort_by_next();
        assert!(lines(&mut screen)[5].contains("young"));
        screen.scroll(1);
        assert!(lines(&mut screen)[5].contains("old"));
        screen.scroll(20);
        assert!(lines(&mut screen)[5].contains("old"));
        screen.scroll(isize::MIN);
        assert!(lines(&mut screen)[5].contains("young"));
    }

    #[test]
    fn an_error_stays_on_the_screen_until_the_next_status() {
        let mut screen = Screen::new("");
        screen.update(Instant::now(), status(0));
        screen.failed(&io::Error::other("no status"));
        let area = Rect::new(0, 0, 120, 20);
        let last_line = |screen: &mut Screen| {
            let mut buffer = Buffer::empty(area);
            screen.draw(area, &mut buffer);
            let cells = buffer.content.chunks(120).next_back().unwrap();
            cells.iter().map(|cell| cell.symbol()).collect::<String>()
        };
        assert!(last_line(&mut screen).starts_with("no status"));
        screen.update(Instant::now(), status(0));
        assert!(last_line(&mut screen).starts_with("q: end"));
    }
}
