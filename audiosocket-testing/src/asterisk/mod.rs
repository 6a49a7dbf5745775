//! What each release of Asterisk can do with AudioSocket.
//!
//! Source: `res/res_audiosocket.c`, `apps/app_audiosocket.c` and `channels/chan_audiosocket.c` at the tagged
//! releases from 18.0 to 23.4.
//!
//! ```
//! use audiosocket_testing::asterisk::{AsteriskFeature, AsteriskRelease};
//!
//! let release: AsteriskRelease = "20.15.2".parse()?;
//! assert!(release.has(AsteriskFeature::Keys));
//! assert!(!release.has(AsteriskFeature::WideAudio));
//! # Ok::<(), audiosocket_testing::asterisk::ReleaseError>(())
//! ```

mod end;

use std::fmt;
use std::str::FromStr;

use audiosocket_proto::{FrameKind, SampleRate};

pub use end::AsteriskEnd;

/// The first major version with AudioSocket.
const FIRST: u16 = 18;

/// A release of Asterisk: its major and its minor version, such as 20.12.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AsteriskRelease {
    major: u16,
    minor: u16,
}

/// A feature that some releases of Asterisk do not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AsteriskFeature {
    /// Asterisk sends keys (0x03).
    Keys,
    /// The end of the connection ends the call. Older releases need a hangup frame.
    EndOfStream,
    /// The dialplan continues when the server has hung up.
    DialplanContinues,
    /// The application ends a call after 2 s without activity.
    InactivityTimeout,
    /// A frame of an unknown kind ends the call. Older releases discard it.
    KindsEndCall,
    /// Asterisk waits 5 ms for the rest of a payload. On older releases, a payload in parts ends the call.
    PayloadWait,
    /// Asterisk sends and allows audio of 12 to 192 kHz (0x11 to 0x18). Older releases send such audio as 0x10.
    WideAudio,
    /// A wake-up without data does not end the call.
    EmptyWakeUp,
    /// Asterisk reads a header in parts. On older releases, such a header corrupts the frame.
    HeaderInParts,
    /// Comfort noise from the caller does not end a call of `Dial` or ARI.
    ComfortNoise,
}

/// What a release does with a frame from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KindAction {
    Accept,
    Discard,
    EndCall,
}

/// The text is not a release of Asterisk with AudioSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReleaseError;

/// The first minor version with a feature, for the major versions 20, 21, 22 and 23. `None` if no release of that
/// major version has it. Major versions before 20 have none of the features, and those after 23 have all.
const SINCE: [(&[AsteriskFeature], [Option<u16>; 4]); 5] = {
    use AsteriskFeature::*;
    [
        (
            &[
                Keys,
                EndOfStream,
                DialplanContinues,
                InactivityTimeout,
                KindsEndCall,
            ],
            [Some(14), Some(9), Some(4), Some(0)],
        ),
        (&[PayloadWait], [Some(15), Some(10), Some(5), Some(0)]),
        (&[WideAudio], [Some(17), Some(12), Some(7), Some(1)]),
        (&[HeaderInParts], [Some(19), None, Some(9), Some(3)]),
        (&[ComfortNoise], [Some(20), None, Some(10), Some(4)]),
    ]
};

/// The same for [`AsteriskFeature::EmptyWakeUp`]. Releases without [`AsteriskFeature::KindsEndCall`] have it, too.
const EMPTY_WAKE_UP: [Option<u16>; 4] = [Some(17), None, Some(7), Some(1)];

impl AsteriskRelease {
    /// Creates a release. Returns `None` for a major version before 18, which has no AudioSocket.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Option<Self> {
        if major < FIRST {
            return None;
        }
        Some(Self { major, minor })
    }

    /// Returns whether this release has the feature.
    #[must_use]
    pub fn has(self, feature: AsteriskFeature) -> bool {
        if feature == AsteriskFeature::EmptyWakeUp {
            return self.is_since(EMPTY_WAKE_UP) || !self.has(AsteriskFeature::KindsEndCall);
        }
        SINCE
            .iter()
            .any(|(features, since)| features.contains(&feature) && self.is_since(*since))
    }

    /// Returns what this release does with a frame of this kind from the server.
    pub(crate) fn action(self, kind: FrameKind) -> KindAction {
        let wide = FrameKind::AUDIO_12K..=FrameKind::AUDIO_192K;
        match kind {
            FrameKind::HANGUP | FrameKind::AUDIO_8K => KindAction::Accept,
            kind if wide.contains(&kind) && self.has(AsteriskFeature::WideAudio) => {
                KindAction::Accept
            }
            _ if self.has(AsteriskFeature::KindsEndCall) => KindAction::EndCall,
            _ => KindAction::Discard,
        }
    }

    /// Returns the rate that the kind of this release's frames has, for audio at `rate`.
    pub(crate) fn wire_rate(self, rate: SampleRate) -> SampleRate {
        match self.has(AsteriskFeature::WideAudio) {
            true => rate,
            false => SampleRate::Hz8000,
        }
    }

    fn is_since(self, [in_20, in_21, in_22, in_23]: [Option<u16>; 4]) -> bool {
        let since = match self.major {
            ..20 => None,
            20 => in_20,
            21 => in_21,
            22 => in_22,
            23 => in_23,
            24.. => Some(0),
        };
        since.is_some_and(|since| self.minor >= since)
    }
}

impl FromStr for AsteriskRelease {
    type Err = ReleaseError;

    /// Parses `20.12` or `20.12.1`. `20` is 20.0. A suffix such as `-rc1` or `-cert2` has no effect.
    fn from_str(text: &str) -> Result<Self, ReleaseError> {
        let version = text.split('-').next().unwrap_or_default();
        let mut parts = version.split('.').map(|part| {
            let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse().ok().filter(|_| is_number)
        });
        let mut numbers = Vec::with_capacity(3);
        for part in parts.by_ref().take(4) {
            numbers.push(part.ok_or(ReleaseError)?);
        }
        match numbers[..] {
            [major] => Self::new(major, 0),
            [major, minor] | [major, minor, _] => Self::new(major, minor),
            _ => None,
        }
        .ok_or(ReleaseError)
    }
}

impl fmt::Display for AsteriskRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl fmt::Display for ReleaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a release of Asterisk from 18.0 on; write it like 20.12")
    }
}

impl std::error::Error for ReleaseError {}

#[cfg(test)]
mod tests {
    use super::AsteriskFeature::*;
    use super::*;

    fn has(release: &str, feature: AsteriskFeature) -> bool {
        release.parse::<AsteriskRelease>().unwrap().has(feature)
    }

    #[test]
    fn each_feature_begins_with_its_releases() {
        for (feature, without, with) in [
            (
                Keys,
                &["18.26", "19.8", "20.13", "21.8", "22.3"][..],
                &["20.14", "21.9", "22.4", "23.0"][..],
            ),
            (EndOfStream, &["20.13", "22.3"], &["20.14", "22.4"]),
            (InactivityTimeout, &["20.13", "22.3"], &["20.14", "22.4"]),
            (KindsEndCall, &["20.13", "22.3"], &["20.14", "22.4"]),
            (
                PayloadWait,
                &["18.0", "20.14", "21.9", "22.4"],
                &["20.15", "21.10", "22.5", "23.0"],
            ),
            (
                WideAudio,
                &["20.16", "21.11", "22.6", "23.0"],
                &["20.17", "21.12", "22.7", "23.1"],
            ),
            (
                HeaderInParts,
                &["20.18", "21.12", "22.8", "23.2"],
                &["20.19", "22.9", "23.3"],
            ),
            (
                ComfortNoise,
                &["20.19", "21.12", "22.9", "23.3"],
                &["20.20", "22.10", "23.4", "24.0"],
            ),
            (
                EmptyWakeUp,
                &["20.14", "20.16", "22.4", "22.6", "23.0"],
                &["18.20", "20.13", "22.3", "20.17", "22.7", "23.1"],
            ),
        ] {
            for release in without {
                assert!(!has(release, feature), "{release} {feature:?}");
            }
            for release in with {
                assert!(has(release, feature), "{release} {feature:?}");
            }
        }
    }

    #[test]
    fn a_release_accepts_discards_or_refuses_a_kind() {
        use KindAction::{Accept, Discard, EndCall};
        for (kind, actions) in [
            (0x00, [Accept; 3]),
            (0x10, [Accept; 3]),
            (0x12, [Discard, EndCall, Accept]),
            (0x18, [Discard, EndCall, Accept]),
            (0x19, [Discard, EndCall, EndCall]),
            (0x03, [Discard, EndCall, EndCall]),
            (0xff, [Discard, EndCall, EndCall]),
        ] {
            let by = ["20.13", "22.6", "22.10"].map(|text| {
                let release: AsteriskRelease = text.parse().unwrap();
                release.action(FrameKind(kind))
            });
            assert_eq!(by, actions, "{kind:#x}");
        }
    }

    #[test]
    fn a_release_is_a_major_and_a_minor_version() {
        for (text, release) in [
            ("20.12", "20.12"),
            ("20.12.1", "20.12"),
            ("22", "22.0"),
            ("22.11.0-rc1", "22.11"),
            ("20.7-cert4", "20.7"),
        ] {
            let parsed: AsteriskRelease = text.parse().unwrap();
            assert_eq!(parsed.to_string(), release);
        }
        for text in [
            "", "17.9", "x", "20.", "20.x", "20.1.2.3", "-1", "+20.1", "99999.1",
        ] {
            assert_eq!(text.parse::<AsteriskRelease>(), Err(ReleaseError), "{text}");
        }
    }
}
