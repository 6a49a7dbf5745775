use indicatif::{ProgressBar, ProgressStyle};

use super::live::Live;
use super::plan::Plan;

/// A bar on standard error while calls are going on; nothing if that is not a terminal.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(super) fn new(plan: &Plan) -> Self {
        let (bar, template) = match plan.frames() {
            Some(frames) => (
                ProgressBar::new(frames),
                "{bar:40} {pos}/{len} frames sent, {msg}",
            ),
            None => (ProgressBar::no_length(), "{pos} frames sent, {msg}"),
        };
        bar.set_style(ProgressStyle::with_template(template).expect("the template is valid"));
        Self { bar }
    }

    pub(super) fn update(&self, live: &Live, calls_going_on: usize) {
        let frames = live.frames();
        let echoed = frames.echoed;
        self.bar.set_position(frames.sent);
        self.bar
            .set_message(format!("{echoed} echoed, {calls_going_on} calls going on"));
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
