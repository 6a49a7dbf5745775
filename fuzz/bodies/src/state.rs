use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use audiosocket_proto::{Audio, AudioBuf, Bed, SampleRate, SessionConfig, Timestamp, Transmit};
use audiosocket_server::handover::CallSnapshot;
use audiosocket_server::{
    Acceptor, Call, CallDriver, CallRequest, Calls, Handler, Peer, Refusal, Response,
};

/// At the end of the clock, after centuries, no deadline can be later than now. A call would send frames without an end.
const END: Timestamp = Timestamp::from_nanos(u64::MAX / 2);

/// Reads the state of a call that another process hands over, and continues the call for a while. No state panics. A state
/// that is written again is the same. A call sends no more than it may.
pub fn state(data: &[u8]) {
    let Ok(snapshot) = CallSnapshot::decode(data) else {
        return;
    };
    let again = CallSnapshot::decode(&snapshot.encode());
    assert_eq!(again.as_ref(), Ok(&snapshot));
    let (mut now, calls) = (snapshot.now(), Calls::default());
    let config = SessionConfig::default();
    let taken = CallDriver::take_over(Arc::new(Echo), snapshot, None, config, &calls);
    let Ok(mut call) = taken else { return };
    call.resume(now);
    for _ in 0..100 {
        call.receive(now, &[0x10, 0, 2, 1, 1]);
        while let Transmit::Bytes(bytes) = call.poll_transmit() {
            let len = bytes.len();
            assert!(len <= data.len() + 200_000, "{len} bytes");
            call.transmitted(now, len);
        }
        let due = call.poll_timeout().unwrap_or(now);
        if due >= END {
            return;
        }
        now = now.max(due) + Duration::from_millis(1);
        call.handle_timeout(now);
    }
}

struct Echo;

impl Handler for Echo {
    fn on_start(&mut self, call: &mut Call<'_>) {
        let speech = AudioBuf::new(SampleRate::Hz8000, vec![3; 601]);
        let _ = call.set_bed(Bed::new(speech.clone()));
        let _ = call.try_play(speech.clone());
        let _ = call.mark(7);
        let _ = call.try_play(speech);
        call.hangup_after_playout();
    }

    fn on_audio<'a>(&mut self, _: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        audio.into()
    }

    fn hand_over(&mut self, _: &Call<'_>) -> Option<Vec<u8>> {
        Some(vec![1, 2, 3])
    }
}

impl Acceptor for Echo {
    type Handler = Self;

    fn accept(&self, _: &CallRequest<'_>) -> Result<Self, Refusal> {
        Ok(Self)
    }

    fn take_over(&self, _: &CallRequest<'_>, _: &[u8]) -> Result<Self, Refusal> {
        Ok(Self)
    }
}

/// Returns the states of a call at its start, while it plays, and with unsent bytes and an incomplete frame.
pub(crate) fn seeds() -> Vec<(PathBuf, Vec<u8>)> {
    let seed = |part: usize| {
        let (mut now, calls) = (Timestamp::ZERO, Calls::default());
        let peer = Peer::Socket(([127, 0, 0, 1], 4_711).into());
        let config = SessionConfig::default();
        let mut call = CallDriver::new(Arc::new(Echo), peer, config, &calls, now);
        call.receive(now, b"\x01\x00\x10sixteen bytes !!");
        for _ in 0..part {
            if let Transmit::Bytes(bytes) = call.poll_transmit() {
                let len = bytes.len();
                call.transmitted(now, len);
            }
            now = now + Duration::from_millis(20);
            call.handle_timeout(now);
            call.receive(now, &[0x12, 0, 4, 1, 2, 3, 4, 0x10, 0]);
            call.receive(now, &[2, 1, 1, 0x10, 0, 9, 9]);
        }
        let state = call.hand_over(now).expect("a call that moves").encode();
        call.discard();
        (format!("state/seed-{part}").into(), state)
    };
    [0, 1, 2].map(seed).into()
}
