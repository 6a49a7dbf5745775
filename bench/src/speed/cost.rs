use audiosocket_testing::load::{Bottleneck, ServerCost};

/// The cost of a frame for the server, in microseconds of processor time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub(super) cpu: f64,
    /// The part of `cpu` outside the kernel.
    pub(super) user: f64,
    /// The callers were busy all the time, and the server was not.
    pub(super) callers_were_the_limit: bool,
}

impl Cost {
    /// `None` without frames.
    pub(super) fn of(server: &ServerCost) -> Option<Self> {
        Some(Self {
            cpu: server.cpu_us_per_frame?,
            // The time is unknown if there was no clock tick.
            user: server.user_us_per_frame.unwrap_or(f64::NAN),
            callers_were_the_limit: server.limit == Bottleneck::Caller,
        })
    }
}
