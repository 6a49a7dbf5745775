use audiosocket_testing::load;
use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar on standard error. Without a terminal it prints nothing.
#[derive(Debug)]
pub(super) struct ProgressDisplay {
    bar: ProgressBar,
}

impl ProgressDisplay {
    /// The number of frames is only known in advance if calls are paced.
    pub(super) fn new(paced: bool) -> Self {
        let (bar, template) = if paced {
            let template = "{bar:40} {pos}/{len} frames sent, {msg}";
            (ProgressBar::new(0), template)
        } else {
            (ProgressBar::no_length(), "{pos} frames sent, {msg}")
        };
        bar.set_style(ProgressStyle::with_template(template).expect("the template is valid"));
        Self { bar }
    }

    /// Updates the bar.
    pub(super) fn hook(&self) -> impl FnMut(load::Progress) + Send + 'static {
        let bar = self.bar.clone();
        move |progress| {
            if let Some(planned) = progress.planned {
                bar.set_length(planned);
            }
            bar.set_position(progress.sent);
            let (echoed, calls) = (progress.echoed, progress.calls);
            bar.set_message(format!("{echoed} echoed, {calls} calls active"));
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
