use std::io;
use std::time::Duration;

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Decides how long to pause after `accept` has failed.
///
/// If a connection was closed before the server took it, there is no pause. If the system has no descriptors or memory left,
/// the connection stays in the kernel, and the next `accept` would fail at once. So there is a pause before the next
/// attempt: 10 ms at first, twice as long after each error, and 1 s at most. The pause also limits the log lines.
#[derive(Debug, Default)]
pub struct AcceptBackoff {
    pause: Option<Duration>,
}

impl AcceptBackoff {
    /// Notes that `accept` has succeeded.
    pub fn accepted(&mut self) {
        self.pause = None;
    }

    /// Notes and logs an error of `accept` other than `WouldBlock`. Returns the pause before the next attempt, or
    /// `None` for no pause.
    pub fn failed(&mut self, error: &io::Error) -> Option<Duration> {
        if is_of_one_connection(error) {
            tracing::debug!(%error, "a connection was closed before the server took it");
            return None;
        }
        let pause = self
            .pause
            .map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE));
        self.pause = Some(pause);
        tracing::warn!(%error, ?pause, "cannot take connections; the server tries again after this pause; if descriptors are short, raise their limit (ulimit -n)");
        Some(pause)
    }
}

/// Returns whether the error is of one connection, which failed before the server took it: see `accept(2)`.
pub(crate) fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::TimedOut
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `EMFILE` on Linux. It has no `ErrorKind` in std.
    fn out_of_descriptors() -> io::Error {
        io::Error::from_raw_os_error(24)
    }

    /// `EMFILE`, `ENFILE`, `ENOBUFS` and `ENOMEM`. A test can cause only the first one in the system.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_lack_of_descriptors_or_memory_causes_a_pause() {
        for number in [24, 23, 105, 12] {
            let error = io::Error::from_raw_os_error(number);
            let pause = AcceptBackoff::default().failed(&error);
            assert_eq!(pause, Some(FIRST_PAUSE), "{error}");
        }
    }

    #[test]
    fn pauses_grow_to_a_second_and_start_again_after_a_success() {
        let mut errors = AcceptBackoff::default();
        let pauses: Vec<_> = (0..9)
            .map(|_| errors.failed(&out_of_descriptors()).unwrap().as_millis())
            .collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        errors.accepted();
        assert_eq!(errors.failed(&out_of_descriptors()), Some(FIRST_PAUSE));
    }

    #[test]
    fn a_closed_connection_causes_no_pause() {
        let mut errors = AcceptBackoff::default();
        for gone in [io::ErrorKind::ConnectionAborted, io::ErrorKind::Interrupted] {
            assert_eq!(errors.failed(&gone.into()), None);
        }
    }
}
