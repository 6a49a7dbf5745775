/// The counts in the log of a server.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Calls that ended.
    pub(super) ended: f64,
    /// Dropped frames.
    pub(super) dropped: f64,
    pub(super) underruns: f64,
    /// Lines with a warning or an error.
    pub(super) warnings: f64,
}

impl Log {
    pub(super) fn read(lines: &str) -> Self {
        let mut log = Self::default();
        for line in lines.lines() {
            let field = |name: &str| {
                let value = line.split_once(name)?.1.split(' ').next()?;
                value.parse::<f64>().ok()
            };
            if line.contains("call ended") {
                log.ended += 1.0;
                log.dropped += field("dropped=").unwrap_or(f64::NAN);
                log.underruns += field("underruns=").unwrap_or(0.0);
            }
            if Self::is_warning(line) {
                log.warnings += 1.0;
            }
        }
        log
    }

    /// Whether the line is a warning or an error.
    pub(super) fn is_warning(line: &str) -> bool {
        let level = line.split_whitespace().nth(1);
        matches!(level, Some("WARN" | "ERROR"))
    }
}
