use serde_json::Value;

/// What `audiosocket call --server-pid` tells: microseconds of the server's processor time for each
/// frame, and how much of that is outside the kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub(super) cpu: f64,
    pub(super) user: f64,
    /// The callers were busy all the time, and the server was not.
    pub(super) callers_were_the_limit: bool,
}

impl Cost {
    /// `None` without frames.
    pub(super) fn of(process: &Value) -> Option<Self> {
        let cpu = process["cpu_us_per_frame"].as_f64()?;
        // So short a time that no tick of the clock fell into it.
        let user = process["user_us_per_frame"].as_f64().unwrap_or(f64::NAN);
        Some(Self {
            cpu,
            user,
            callers_were_the_limit: process["limit"] == "caller",
        })
    }
}
