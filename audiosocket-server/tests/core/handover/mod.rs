//! Calls that move to another process at any byte and any time, in virtual time. They do the same as a call that does not
//! move.

mod callbacks;
mod cuts;

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use audiosocket_proto::{
    Audio, AudioBuf, Bed, DtmfDigit, End, MarkOutcome, SampleRate, SessionConfig, Timestamp,
    Transmit,
};
use audiosocket_server::handover::{CallSnapshot, SnapshotError};
use audiosocket_server::{
    Acceptor, Call, CallDriver, CallRequest, Calls, Handler, Peer, Refusal, Response,
};
use proptest::prelude::*;

/// A handler that uses all of a playout. The keys decide.
#[derive(Default)]
struct Player {
    marks: u64,
    keeps_calls: bool,
}

impl Handler for Player {
    fn on_audio<'a>(&mut self, _: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        audio.into()
    }

    fn on_dtmf(&mut self, call: &mut Call<'_>, digit: DtmfDigit) -> Response<'static> {
        let speech: Vec<i16> = (1..2_000).collect();
        match digit.as_char() {
            '1' => drop(call.try_play(AudioBuf::from_samples(SampleRate::Hz8000, &speech))),
            '2' => drop(call.try_play(AudioBuf::from_samples(SampleRate::Hz16000, &speech[..777]))),
            '3' => drop(call.mark(7)),
            '4' => drop(call.clear()),
            '5' => call.pause(),
            '6' => call.resume(),
            '7' => {
                let noise = AudioBuf::from_samples(SampleRate::Hz8000, &speech[..501]);
                call.set_bed(Bed::new(noise).volume(0.5)).unwrap();
            }
            '8' => call.remove_bed(),
            '9' => call.hangup_after_playout(),
            '*' => drop(call.send(Audio::new(SampleRate::Hz8000, &[1; 30_000]))),
            _ => self.keeps_calls = true,
        }
        Response::Nothing
    }

    fn on_mark(&mut self, call: &mut Call<'_>, _: u64, _: MarkOutcome) {
        self.marks += 1;
        let _ = call.send(Audio::new(SampleRate::Hz8000, &self.marks.to_le_bytes()));
    }

    fn hand_over(&mut self, _: &Call<'_>) -> Option<Vec<u8>> {
        (!self.keeps_calls).then(|| self.marks.to_le_bytes().to_vec())
    }

    fn on_end(&mut self, call: &mut Call<'_>, end: End) {
        assert!(!call.uuid().is_nil(), "{end}");
    }
}

struct PlayerAcceptor;

impl Acceptor for PlayerAcceptor {
    type Handler = Player;

    fn accept(&self, _: &CallRequest<'_>) -> Result<Player, Refusal> {
        Ok(Player::default())
    }

    fn take_over(&self, _: &CallRequest<'_>, state: &[u8]) -> Result<Player, Refusal> {
        let marks = state.try_into().map_err(|_| Refusal::new("no number"))?;
        Ok(Player {
            marks: u64::from_le_bytes(marks),
            keeps_calls: false,
        })
    }
}

/// A call, and the bytes that it has sent.
struct TestCall {
    driver: CallDriver<PlayerAcceptor>,
    sent: Vec<u8>,
    calls: Calls,
}

fn config() -> SessionConfig {
    SessionConfig::new()
        .max_unsent(40_000)
        .max_duration(Some(Duration::from_secs(20)))
        .idle_timeout(Some(Duration::from_secs(9)))
}

fn peer() -> Peer {
    Peer::Socket(([127, 0, 0, 1], 4_711).into())
}

impl TestCall {
    fn begin() -> Self {
        let calls = Calls::default();
        let acceptor = Arc::new(PlayerAcceptor);
        let mut driver = CallDriver::new(acceptor, peer(), config(), &calls, Timestamp::ZERO);
        driver.receive(Timestamp::ZERO, b"\x01\x00\x10sixteen bytes !!");
        Self {
            driver,
            sent: Vec::new(),
            calls,
        }
    }

    /// Writes at most `most` bytes.
    fn write(&mut self, now: Timestamp, most: usize) {
        match self.driver.poll_transmit() {
            Transmit::Bytes(bytes) => {
                let len = bytes.len().min(most);
                self.sent.extend_from_slice(&bytes[..len]);
                self.driver.transmitted(now, len);
            }
            Transmit::HalfClose => self.driver.half_closed(),
            _ => {}
        }
    }

    /// Moves the call to another server. Returns false if it stays.
    fn hand_over(&mut self, now: Timestamp) -> bool {
        let Some(snapshot) = self.driver.hand_over(now) else {
            return false;
        };
        let state = snapshot.encode();
        let snapshot = CallSnapshot::decode(&state).unwrap();
        assert_eq!(snapshot.encode(), state);
        let calls = Calls::default();
        let acceptor = Arc::new(PlayerAcceptor);
        let moved = CallDriver::take_over(acceptor, snapshot, None, config(), &calls);
        let old = std::mem::replace(&mut self.driver, moved.unwrap());
        discard(old);
        assert_eq!((self.calls.len(), calls.len()), (0, 1));
        self.calls = calls;
        self.driver.resume(now);
        true
    }
}

fn discard(mut driver: CallDriver<PlayerAcceptor>) {
    driver.discard();
}

#[derive(Clone, Debug)]
enum Step {
    /// The peer sends a frame. It arrives in pieces of this length.
    Frame(u8, usize, usize),
    Key(u8),
    Write(usize),
    Wait(u64),
    Due(u64),
    HandOver,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0x10..0x14_u8, 0..700_usize, 1..700_usize)
            .prop_map(|(kind, len, piece)| Step::Frame(kind, len, piece)),
        4 => proptest::sample::select(b"1111223345566778*".to_vec()).prop_map(Step::Key),
        1 => proptest::sample::select(b"49".to_vec()).prop_map(Step::Key),
        4 => prop_oneof![0..1_000_usize, Just(100_000)].prop_map(Step::Write),
        2 => (0..300_u64).prop_map(Step::Wait),
        8 => (0..15_u64).prop_map(Step::Due),
        3 => Just(Step::HandOver),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_call_that_moves_sends_the_same_bytes_at_the_same_times(steps in prop::collection::vec(step(), 1..120)) {
        let (mut stays, mut moves) = (TestCall::begin(), TestCall::begin());
        let mut now = Timestamp::ZERO;
        // Bytes that have not arrived yet. The call can move in between.
        let mut pieces: Vec<Vec<u8>> = Vec::new();
        for step in steps {
            let mut both = |act: &dyn Fn(&mut TestCall)| {
                act(&mut stays);
                act(&mut moves);
            };
            match step {
                Step::Frame(kind, len, piece) => {
                    let mut frame = vec![kind, (len >> 8) as u8, len as u8];
                    frame.resize(3 + len, kind);
                    pieces.extend(frame.chunks(piece).map(<[u8]>::to_vec));
                }
                Step::Key(key) => pieces.push(vec![0x03, 0, 1, key]),
                Step::Write(most) => both(&|call| call.write(now, most)),
                Step::Wait(millis) => now = now + Duration::from_millis(millis),
                Step::Due(late) => {
                    let due = stays.driver.poll_timeout();
                    now = due.unwrap_or(now).max(now) + Duration::from_millis(late);
                }
                Step::HandOver => {
                    moves.hand_over(now);
                }
            }
            if !pieces.is_empty() {
                let piece = pieces.remove(0);
                stays.driver.receive(now, &piece);
                moves.driver.receive(now, &piece);
            }
            for call in [&mut stays, &mut moves] {
                call.driver.poll_commands(now, Waker::noop());
                call.driver.handle_timeout(now);
            }
            prop_assert_eq!(&stays.sent, &moves.sent);
            prop_assert_eq!(stays.driver.poll_transmit(), moves.driver.poll_transmit());
            prop_assert_eq!(stays.driver.poll_timeout(), moves.driver.poll_timeout());
        }
        for call in [&mut stays, &mut moves] {
            call.driver.poll_commands(now, Waker::noop());
        }
        prop_assert_eq!(stays.driver.handle().stats(), moves.driver.handle().stats());
        prop_assert_eq!(stays.driver.handle().times(), moves.driver.handle().times());
        prop_assert_eq!(stays.driver.handle().sample_rate(), moves.driver.handle().sample_rate());
    }

    #[test]
    fn a_damaged_state_is_refused_or_continues_without_a_panic(
        keys in prop::collection::vec(proptest::sample::select(b"1234567*".to_vec()), 0..8),
        damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop_oneof![3 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)],
    ) {
        let mut call = TestCall::begin();
        let mut now = Timestamp::ZERO + Duration::from_secs(1);
        for key in keys {
            call.driver.receive(now, &[0x03, 0, 1, key]);
            now = now + Duration::from_millis(20);
            call.driver.handle_timeout(now);
            call.write(now, 100_000);
        }
        call.driver.receive(now, &[0x10, 1, 0, 7]);
        let mut state = call.driver.hand_over(now).unwrap().encode();
        discard(call.driver);
        for (place, byte) in damages {
            // The first bytes, which are not audio, and all others.
            let most = if byte % 4 == 0 { state.len() } else { state.len().min(120) };
            state[2 + place.index(most - 2)] ^= byte;
        }
        if let Some(cut) = cut {
            state.truncate(2 + cut.index(state.len() - 2));
        }
        if let Ok(snapshot) = CallSnapshot::decode(&state) {
            continue_damaged(snapshot);
        }
    }
}

fn continue_damaged(snapshot: CallSnapshot) {
    let (mut now, calls) = (snapshot.now(), Calls::default());
    let acceptor = Arc::new(PlayerAcceptor);
    let Ok(driver) = CallDriver::take_over(acceptor, snapshot, None, config(), &calls) else {
        return;
    };
    let sent = Vec::new();
    let mut call = TestCall {
        driver,
        sent,
        calls,
    };
    call.driver.resume(now);
    for _ in 0..30 {
        call.driver.receive(now, &[0x10, 0, 2, 1, 1]);
        call.write(now, usize::MAX);
        now = call.driver.poll_timeout().unwrap_or(now).max(now);
        call.driver.handle_timeout(now);
    }
}

/// The maximum duration counts from the UUID in the old process.
#[test]
fn a_call_that_moves_keeps_its_maximum_duration() {
    let mut call = TestCall::begin();
    for seconds in 1..=20 {
        let now = Timestamp::ZERO + Duration::from_secs(seconds);
        if seconds == 10 {
            assert!(call.hand_over(now));
        }
        // Without frames, the idle timeout would end the call first.
        call.driver.receive(now, &[0x10, 0, 2, 1, 1]);
        assert!(!matches!(call.driver.poll_transmit(), Transmit::HalfClose));
        call.driver.handle_timeout(now);
        call.write(now, usize::MAX);
    }
    assert_eq!(call.driver.poll_transmit(), Transmit::HalfClose);
}

#[test]
fn the_age_and_the_times_of_a_call_continue_in_the_other_process() {
    let mut call = TestCall::begin();
    let now = Timestamp::ZERO + Duration::from_secs(5);
    call.driver.receive(now, &[0x10, 0, 2, 1, 1]);
    let times = call.driver.handle().times();
    assert_eq!(times.last_received, Some(Duration::from_secs(5)));
    assert!(call.hand_over(now));
    let handle = call.driver.handle();
    assert_eq!(handle.times(), times);
    let age = handle.age();
    assert!(
        age >= Duration::from_secs(5) && age < Duration::from_secs(65),
        "{age:?}"
    );
}

#[test]
fn a_state_of_another_version_is_refused() {
    let mut call = TestCall::begin();
    let mut state = call.driver.hand_over(Timestamp::ZERO).unwrap().encode();
    assert_eq!(state[..2], CallSnapshot::VERSION.to_le_bytes());
    state[0] += 1;
    let refused = Err(SnapshotError::Version(CallSnapshot::VERSION + 1));
    assert_eq!(CallSnapshot::decode(&state), refused);
    assert_eq!(CallSnapshot::decode(&[]), Err(SnapshotError::Malformed));
    state[0] -= 1;
    state.push(0);
    assert_eq!(CallSnapshot::decode(&state), Err(SnapshotError::Malformed));
}

/// If this test fails, the format has changed: increase [`CallSnapshot::VERSION`], and write the new bytes here.
#[test]
fn the_state_of_a_call_has_these_bytes_in_this_version() {
    let mut call = TestCall::begin();
    let now = Timestamp::ZERO + Duration::from_millis(20);
    for key in *b"1376" {
        call.driver.receive(now, &[0x03, 0, 1, key]);
    }
    call.driver.receive(now, &[0x11, 0, 9, 1]);
    let mut snapshot = call.driver.hand_over(now).unwrap();
    let state = snapshot.encode();
    assert_eq!(CallSnapshot::VERSION, 1);
    let sum = state.iter().fold(0_u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
    });
    assert_eq!((state.len(), sum), (5_459, 8_251_713_703_376_426_719));
    // At the end of the clock, no deadline is later than now: the call would send frames without an end.
    snapshot.add_delay(Duration::MAX);
    let late = CallSnapshot::decode(&snapshot.encode());
    assert_eq!(late, Err(SnapshotError::Malformed));
}

#[test]
fn a_call_stays_before_its_uuid_after_its_end_and_if_its_handler_keeps_it() {
    let now = Timestamp::ZERO;
    let calls = Calls::default();
    let mut new = CallDriver::new(Arc::new(PlayerAcceptor), peer(), config(), &calls, now);
    assert_eq!(new.hand_over(now), None);

    let mut over = TestCall::begin();
    over.driver.handle().hangup();
    over.driver.poll_commands(now, Waker::noop());
    assert_eq!(over.driver.hand_over(now), None);

    let mut kept = TestCall::begin();
    kept.driver.receive(now, &[0x03, 0, 1, b'#']);
    assert_eq!(kept.driver.hand_over(now), None);

    let mut waits = TestCall::begin();
    waits.driver.receive(now, &[0x03, 0, 1, b'1']);
    let _played = waits.driver.handle().played();
    assert_eq!(waits.driver.hand_over(now), None);
}

#[test]
fn a_refused_call_has_no_effect_on_the_new_server() {
    let now = Timestamp::ZERO;
    let mut call = TestCall::begin();
    let snapshot = call.driver.hand_over(now).unwrap();
    let full = Calls::new(audiosocket_server::Limits::new().max_calls(0));
    let acceptor = Arc::new(PlayerAcceptor);
    let refused = CallDriver::take_over(acceptor, snapshot, None, config(), &full);
    assert!(refused.is_err_and(|refusal| refusal.to_string().contains("calls")));
    assert_eq!(full.len(), 0);

    call.driver.resume(now);
    call.driver.receive(now, &[0x10, 0, 2, 5, 5]);
    call.write(now, 1_000);
    assert!(call.sent.ends_with(&[0x10, 0, 2, 5, 5]));
}
