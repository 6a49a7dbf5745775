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
        let bar = ProgressBar::new(plan.frames());
        let template = "{bar:40} {pos}/{len} frames sent, {msg}";
        bar.set_style(ProgressStyle::with_template(template).expect("the template is valid"));
        Self { bar }
    }

    pub(super) fn update(&self, live: &Live, calls_going_on: usize) {
        let (sent, echoed) = live.frames();
        self.bar.set_position(sent);
        self.bar
            .set_message(format!("{echoed} echoed, {calls_going_on} calls going on"));
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
