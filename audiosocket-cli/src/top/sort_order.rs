//! The order of the calls on the screen.

use super::report::ShownCall;

/// The column that orders the calls. The largest value is the first.
#[derive(Clone, Copy, Debug)]
pub(super) enum SortOrder {
    Age,
    Lateness,
    Queue,
}

impl SortOrder {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Age => Self::Lateness,
            Self::Lateness => Self::Queue,
            Self::Queue => Self::Age,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Lateness => "lateness",
            Self::Queue => "queue",
        }
    }

    pub(super) fn value(self, call: &ShownCall) -> f64 {
        match self {
            Self::Age => call.age_seconds,
            Self::Lateness => call.lateness_ms.unwrap_or(0.0),
            Self::Queue => call.queued_ms,
        }
    }
}
