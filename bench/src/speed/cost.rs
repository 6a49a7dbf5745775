use audiosocket_testing::load::{Bottleneck, ServerCost};

/// What a frame costs the server, in microseconds of processor time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub(super) cpu: f64,
    /// The part of it outside the kernel.
    pub(super) user: f64,
    /// The callers were busy all the time, and the server was not.
    pub(super) callers_were_the_limit: bool,
}

impl Cost {
    /// `None` without frames.
    pub(super) fn of(server: &ServerCost) -> Option<Self> {
        Some(Self {
            cpu: server.cpu_us_per_frame?,
            // Without a clock tick in so short a time it is unknown.
            user: server.user_us_per_frame.unwrap_or(f64::NAN),
            callers_were_the_limit: server.limit == Bottleneck::Caller,
        })
    }
}
