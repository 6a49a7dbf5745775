//! The options of a load test.

use std::ops::RangeInclusive;
use std::time::Duration;

use audiosocket_media::Encoding;
use audiosocket_proto::{DtmfDigit, SampleRate};
use uuid::Uuid;

use super::mode::{Expect, LoadMode};
use crate::asterisk::AsteriskRelease;
use crate::load::cue::Cue;
use crate::load::limits::AudioLimits;
use crate::load::scenario::Scenario;

#[derive(Clone, Debug)]
pub(in crate::load) struct Options {
    pub(in crate::load) server: String,
    pub(in crate::load) calls: u32,
    pub(in crate::load) calls_per_second: Option<f64>,
    pub(in crate::load) durations: Option<RangeInclusive<Duration>>,
    pub(in crate::load) mode: LoadMode,
    pub(in crate::load) rate: SampleRate,
    pub(in crate::load) ptime: Duration,
    pub(in crate::load) audio: Option<Vec<i16>>,
    pub(in crate::load) barge_in_after: Option<Duration>,
    pub(in crate::load) dtmf: Vec<DtmfDigit>,
    pub(in crate::load) uuid: Option<Uuid>,
    pub(in crate::load) seed: Option<u64>,
    pub(in crate::load) expect: Option<Expect>,
    pub(in crate::load) linger: Duration,
    pub(in crate::load) connect_timeout: Duration,
    pub(in crate::load) server_pid: Option<u32>,
    pub(in crate::load) asterisk: Option<AsteriskRelease>,
    pub(in crate::load) allow_pauses: bool,
    /// The times of cues, in order.
    pub(in crate::load) cues: Vec<(Duration, Cue)>,
    pub(in crate::load) scenario: Option<Scenario>,
    /// The report lists each call.
    pub(in crate::load) list_calls: bool,
    pub(in crate::load) encoding: Encoding,
    /// The number of frames that leave at once at the start.
    pub(in crate::load) start_burst: u32,
    pub(in crate::load) require_hangup: bool,
    pub(in crate::load) limits: AudioLimits,
}

impl Options {
    pub(in crate::load) fn new(server: String) -> Self {
        Self {
            server,
            calls: 1,
            calls_per_second: None,
            durations: None,
            mode: LoadMode::Paced,
            rate: SampleRate::Hz8000,
            ptime: Duration::from_millis(20),
            audio: None,
            barge_in_after: None,
            dtmf: Vec::new(),
            uuid: None,
            seed: None,
            expect: None,
            linger: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(5),
            server_pid: None,
            asterisk: None,
            allow_pauses: false,
            cues: Vec::new(),
            scenario: None,
            list_calls: false,
            encoding: Encoding::Slin,
            start_burst: 1,
            require_hangup: false,
            limits: AudioLimits::default(),
        }
    }

    /// Returns the rate that the kind of the callers' frames has.
    pub(in crate::load) fn wire_rate(&self) -> SampleRate {
        let wire_rate = |release: AsteriskRelease| release.wire_rate(self.rate);
        self.asterisk.map_or(self.rate, wire_rate)
    }

    /// Returns whether the audio of the callers has no echo to check, frame by frame.
    pub(in crate::load) fn has_no_echo(&self) -> bool {
        self.encoding != Encoding::Slin || self.cues.iter().any(|(_, cue)| cue.is_audio())
    }
}
