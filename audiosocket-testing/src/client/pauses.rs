//! Finds pauses for which Asterisk ends a call: inside a frame, and of the whole call.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep_until};

use crate::asterisk::{AsteriskEnd, AsteriskFeature, AsteriskRelease};

/// The longest time for which Asterisk waits for the rest of a payload.
const PAYLOAD_WAIT: Duration = Duration::from_millis(5);

/// The longest time for which Asterisk's application waits for activity.
const MAX_INACTIVITY: Duration = Duration::from_secs(2);

/// The length of a header.
const HEADER_LEN: usize = 3;

/// The pauses of one call.
///
/// A pause is measured from the end of a read until a moment at which the kernel has no data. So the pause was at
/// least that long, even if this process was late.
#[derive(Debug)]
pub(super) struct PauseWatch {
    /// Frames may come in parts.
    allow_parts: bool,
    waits_for_payload: bool,
    header_in_parts: bool,
    inactivity: bool,
    last_activity: Instant,
    /// The timer expires when a pause is too long.
    sleep: Option<(AsteriskEnd, Pin<Box<Sleep>>)>,
}

impl PauseWatch {
    /// `None` is a current release, with a call by `Dial`.
    pub(super) fn new(release: Option<AsteriskRelease>, allow_parts: bool) -> Self {
        let has = |feature| release.is_none_or(|release| release.has(feature));
        let inactivity =
            release.is_some_and(|release| release.has(AsteriskFeature::InactivityTimeout));
        let mut watch = Self {
            allow_parts,
            waits_for_payload: has(AsteriskFeature::PayloadWait),
            header_in_parts: has(AsteriskFeature::HeaderInParts),
            inactivity,
            last_activity: now(),
            sleep: None,
        };
        watch.watch_activity();
        watch
    }

    /// The caller sent something.
    pub(super) fn wrote(&mut self) {
        self.last_activity = now();
    }

    /// A read ended. `partial` is the number of bytes of an incomplete frame.
    /// `drained` says that the kernel had no more data.
    pub(super) fn read(&mut self, partial: usize, drained: bool) -> Option<AsteriskEnd> {
        let now = now();
        self.last_activity = now;
        match partial {
            _ if partial == 0 || !drained || self.allow_parts => self.watch_activity(),
            1..HEADER_LEN if !self.header_in_parts => return Some(AsteriskEnd::HeaderInParts),
            1..HEADER_LEN => self.watch_activity(),
            _ if !self.waits_for_payload => return Some(AsteriskEnd::PayloadInParts),
            _ => self.arm(AsteriskEnd::PayloadPaused, now + PAYLOAD_WAIT),
        }
        None
    }

    /// Waits until Asterisk would end the call. `is_empty` returns whether the kernel has no data now.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        is_empty: impl FnOnce() -> bool,
    ) -> Poll<AsteriskEnd> {
        loop {
            let Some((pause, sleep)) = &mut self.sleep else {
                return Poll::Pending;
            };
            let pause = *pause;
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.sleep = None;
            let due = self.last_activity + MAX_INACTIVITY;
            if pause == AsteriskEnd::Inactivity && now() < due {
                self.arm(pause, due);
                continue;
            }
            if is_empty() {
                return Poll::Ready(pause);
            }
            // The data is read next.
            return Poll::Pending;
        }
    }

    fn watch_activity(&mut self) {
        match self.sleep {
            // It is armed again when it is due.
            Some((AsteriskEnd::Inactivity, _)) => {}
            _ if self.inactivity => {
                self.arm(AsteriskEnd::Inactivity, self.last_activity + MAX_INACTIVITY);
            }
            _ => self.sleep = None,
        }
    }

    fn arm(&mut self, pause: AsteriskEnd, due: Instant) {
        self.sleep = Some((pause, Box::pin(sleep_until(due.into()))));
    }
}

/// Returns the time by the clock of [`Sleep`].
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::{advance, timeout};

    use super::*;

    fn release(text: &str) -> Option<AsteriskRelease> {
        Some(text.parse().unwrap())
    }

    /// Waits ten seconds for a pause.
    async fn pause(watch: &mut PauseWatch, is_empty: bool) -> Option<AsteriskEnd> {
        let waiting = poll_fn(|cx| watch.poll(cx, || is_empty));
        timeout(Duration::from_secs(10), waiting).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_payload_may_pause_for_5_ms() {
        let mut watch = PauseWatch::new(None, false);
        assert_eq!(watch.read(3, true), None);
        advance(Duration::from_millis(4)).await;
        assert_eq!(watch.read(0, true), None);
        assert_eq!(pause(&mut watch, true).await, None);
        assert_eq!(watch.read(300, true), None);
        assert_eq!(
            pause(&mut watch, true).await,
            Some(AsteriskEnd::PayloadPaused)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_payload_is_not_late_if_this_process_is() {
        let mut watch = PauseWatch::new(None, false);
        assert_eq!(watch.read(3, true), None);
        advance(Duration::from_millis(50)).await;
        let has_data = pause(&mut watch, false).await;
        assert_eq!(has_data, None, "the payload waits in the kernel");
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_fills_the_buffer_cuts_no_frame() {
        let mut watch = PauseWatch::new(release("20.12"), false);
        assert_eq!(watch.read(3, false), None);
        assert_eq!(watch.read(1, false), None);
        assert_eq!(pause(&mut watch, true).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn older_releases_accept_no_frame_in_parts() {
        for (text, header, payload) in [
            ("20.14", true, true),
            ("20.15", true, false),
            ("20.18", true, false),
            ("20.19", false, false),
        ] {
            let mut watch = PauseWatch::new(release(text), false);
            let parts = watch.read(2, true) == Some(AsteriskEnd::HeaderInParts);
            assert_eq!(parts, header, "{text}");
            let parts = watch.read(3, true) == Some(AsteriskEnd::PayloadInParts);
            assert_eq!(parts, payload, "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_may_be_inactive_for_2_s() {
        for (text, ends) in [("20.13", None), ("22.10", Some(AsteriskEnd::Inactivity))] {
            let mut watch = PauseWatch::new(release(text), false);
            for _ in 0..3 {
                advance(Duration::from_millis(1_500)).await;
                watch.wrote();
                let polled = poll_fn(|cx| Poll::Ready(watch.poll(cx, || true))).await;
                assert_eq!(polled, Poll::Pending, "{text}");
            }
            assert_eq!(pause(&mut watch, true).await, ends, "{text}");
        }
        let mut watch = PauseWatch::new(None, false);
        assert_eq!(pause(&mut watch, true).await, None);
    }
}
