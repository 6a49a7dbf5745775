//! The text form of statistics, counters and ends, which other programs read.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Debug;
use std::time::Duration;

use audiosocket_proto::{
    Dropped, DtmfDigit, End, ErrorFlags, FrameKind, MarkOutcome, PeerError, PlayoutStats,
    SampleRate, SessionStats,
};
use audiosocket_server::{CallCounters, CallStats, Lag};
use serde::Serialize;
use serde::de::DeserializeOwned;

#[track_caller]
fn assert_json<T>(value: &T, json: &str)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    assert_eq!(serde_json::to_string(value).unwrap(), json);
    assert_eq!(serde_json::from_str::<T>(json).unwrap(), *value);
}

#[test]
fn ends_and_errors_are_names() {
    assert_json(&End::HangupReceived, r#""hangup_received""#);
    assert_json(&End::ShutDown, r#""shut_down""#);
    let error = PeerError::UuidExpected {
        kind: FrameKind(0x47),
    };
    assert_json(
        &End::Failed(error),
        r#"{"failed":{"uuid_expected":{"kind":71}}}"#,
    );
    let flags = ErrorFlags::HANGUP;
    assert_json(
        &PeerError::Reported { flags },
        r#"{"reported":{"flags":1}}"#,
    );
    assert_json(&PeerError::IdleTimeout, r#""idle_timeout""#);
    assert_json(&MarkOutcome::CallOver, r#""call_over""#);
}

#[test]
fn a_sample_rate_is_the_name_of_its_format() {
    for rate in SampleRate::ALL {
        assert_json(&rate, &format!("\"{rate}\""));
    }
}

#[test]
fn a_key_is_its_character() {
    let key = DtmfDigit::new(b'#').unwrap();
    assert_json(&key, "\"#\"");
    for text in ["\"x\"", "\"\"", "\"12\"", "35", "\"\u{1f600}\""] {
        assert!(serde_json::from_str::<DtmfDigit>(text).is_err(), "{text}");
    }
}

/// Counters that a later version adds are missing in older text.
#[test]
fn missing_counters_are_zero() {
    assert_eq!(
        serde_json::from_str::<CallStats>("{}").unwrap(),
        CallStats::default()
    );
    let counters: CallCounters = serde_json::from_str(r#"{"started":7,"refused":2}"#).unwrap();
    assert_eq!(
        (counters.started, counters.refused, counters.connections),
        (7, 2, 0)
    );
    let lag: Lag = serde_json::from_str(r#"{"frames":3,"bytes":960}"#).unwrap();
    assert_eq!((lag.frames, lag.bytes), (3, 960));
}

#[test]
fn statistics_survive_a_round_trip() {
    let mut stats = CallStats::default();
    stats.session.frames_received = u64::MAX;
    stats.rate_sent = Some(SampleRate::Hz48000);
    stats.playout.frames = 50;
    stats.playout.depth = Duration::from_millis(140);
    let json = serde_json::to_string(&stats).unwrap();
    assert_eq!(serde_json::from_str::<CallStats>(&json).unwrap(), stats);
    assert!(
        json.contains(r#""frames_received":18446744073709551615"#),
        "{json}"
    );
    let defaults = (
        SessionStats::default(),
        PlayoutStats::default(),
        Dropped::default(),
    );
    let json = serde_json::to_string(&defaults).unwrap();
    assert_eq!(
        serde_json::from_str::<(SessionStats, PlayoutStats, Dropped)>(&json).unwrap(),
        defaults
    );
}
