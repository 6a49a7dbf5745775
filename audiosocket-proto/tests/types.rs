//! The small types. The expected numbers and names are Asterisk's.

use std::time::{Duration, Instant};

use audiosocket_proto::{DtmfDigit, Epoch, ErrorFlags, FrameKind, Header, SampleRate, Timestamp};
use audiosocket_server::{Peer, Refusal};

/// Kind, rate in Hz, samples in 20 ms, Asterisk's name of the format.
const RATES: [(u8, u32, u64, &str); 9] = [
    (0x10, 8_000, 160, "slin"),
    (0x11, 12_000, 240, "slin12"),
    (0x12, 16_000, 320, "slin16"),
    (0x13, 24_000, 480, "slin24"),
    (0x14, 32_000, 640, "slin32"),
    (0x15, 44_100, 882, "slin44"),
    (0x16, 48_000, 960, "slin48"),
    (0x17, 96_000, 1920, "slin96"),
    (0x18, 192_000, 3840, "slin192"),
];

#[test]
fn every_rate_has_its_kind_its_samples_and_its_name() {
    const FRAME: Duration = Duration::from_millis(20);
    for (rate, (kind, hz, samples, name)) in SampleRate::ALL.into_iter().zip(RATES) {
        assert_eq!(rate.kind(), FrameKind(kind));
        assert_eq!(SampleRate::from_kind(FrameKind(kind)), Some(rate));
        assert_eq!(rate.hz(), hz);
        assert_eq!(rate.samples_in(FRAME), samples);
        assert_eq!(rate.duration_of(samples), FRAME);
        assert_eq!(rate.duration_of(u64::from(hz)), Duration::from_secs(1));
        assert_eq!(rate.to_string(), name);
        assert_eq!(name.parse(), Ok(rate));
    }
    assert_eq!("slin8".parse(), Ok(SampleRate::Hz8000));
    assert_eq!(SampleRate::default(), SampleRate::Hz8000);
}

#[test]
fn other_kinds_and_names_are_not_rates() {
    for kind in (0x00..0x10).chain(0x19..=0xff) {
        assert_eq!(SampleRate::from_kind(FrameKind(kind)), None);
    }
    for name in ["", "slin9", "SLIN", "slin 16", "alaw", "slin1600"] {
        assert!(name.parse::<SampleRate>().is_err(), "{name:?}");
    }
}

#[test]
fn durations_round_down_and_do_not_overflow() {
    let rate = SampleRate::Hz44100;
    assert_eq!(rate.samples_in(Duration::from_micros(22)), 0);
    assert_eq!(rate.samples_in(Duration::from_micros(23)), 1);
    assert_eq!(rate.duration_of(1), Duration::from_nanos(22_675));
    assert_eq!(SampleRate::Hz192000.samples_in(Duration::MAX), u64::MAX);
    let longest = SampleRate::Hz8000.duration_of(u64::MAX);
    assert_eq!(longest.as_secs(), u64::MAX / 8000);
}

#[test]
fn headers_are_parsed_and_written_back_unchanged() {
    for kind in 0x00..=0xff {
        for len in [0x0000_u16, 0x0001, 0x0140, 0x4001, 0xffff] {
            let bytes = [kind, (len >> 8) as u8, (len & 0xff) as u8];
            let header = Header::parse(bytes);
            assert_eq!((header.kind, header.len), (FrameKind(kind), len));
            assert_eq!(header.to_bytes(), bytes);
            assert_eq!(header.frame_len(), 3 + usize::from(len));
        }
    }
}

#[test]
fn exactly_sixteen_bytes_are_keys() {
    let keys: String = (0x00..=0xff)
        .filter_map(DtmfDigit::new)
        .map(DtmfDigit::as_char)
        .collect();
    assert_eq!(keys, "#*0123456789ABCD");
}

#[test]
fn error_flags_show_their_number_and_names() {
    let both = ErrorFlags::FRAME_FORWARDING | ErrorFlags::MEMORY;
    assert_eq!(both, ErrorFlags(0x06));
    assert!(both.contains(ErrorFlags::MEMORY));
    assert!(!both.contains(ErrorFlags::MEMORY | ErrorFlags::HANGUP));
    assert_eq!(both.to_string(), "0x06 (frame forwarding, memory)");
    assert_eq!(ErrorFlags(0x81).to_string(), "0x81 (hangup)");
    assert_eq!(ErrorFlags(0x80).to_string(), "0x80");
}

/// The name can come from the peer.
#[test]
fn control_characters_in_the_name_of_a_peer_are_escaped() {
    let peer = Peer::from("a\nb\x1b[2J");
    assert_eq!(peer.to_string(), r"a\nb\u{1b}[2J");
    assert_eq!(peer.socket_addr(), None);
    let addr = "[::1]:9092".parse().unwrap();
    assert_eq!(Peer::Socket(addr).to_string(), "[::1]:9092");
    assert_eq!(Peer::from(addr).socket_addr(), Some(addr));
    assert_eq!(Refusal::new(String::from("full")).to_string(), "full");
}

#[test]
fn an_epoch_converts_instants_and_timestamps() {
    let start = Instant::now() + Duration::from_secs(10);
    let epoch = Epoch::new(start);
    let moment = start + Duration::from_nanos(1_234_567_890);
    assert_eq!(epoch.timestamp(moment).as_nanos(), 1_234_567_890);
    assert_eq!(epoch.instant(epoch.timestamp(moment)), Some(moment));
    let before = start - Duration::from_secs(1);
    assert_eq!(epoch.timestamp(before), Timestamp::ZERO);
    // A duration that never ends must not overflow to now.
    let never = Timestamp::ZERO + Duration::MAX;
    assert_eq!(never.as_nanos(), u64::MAX);
    assert!(epoch.instant(never).is_none_or(|instant| instant > moment));
}

#[test]
fn a_timestamp_holds_any_number_of_nanoseconds_in_eight_bytes() {
    assert_eq!(Timestamp::default(), Timestamp::ZERO);
    assert_eq!(Timestamp::ZERO.as_nanos(), 0);
    for nanos in [1, 20_000_000, u64::MAX / 2, u64::MAX - 2, u64::MAX] {
        let timestamp = Timestamp::from_nanos(nanos);
        assert_eq!(timestamp.as_nanos(), nanos);
        assert_eq!(format!("{timestamp:?}"), format!("Timestamp({nanos})"));
        assert_eq!(Timestamp::ZERO + Duration::from_nanos(nanos), timestamp);
        let since = timestamp.saturating_since(Timestamp::ZERO);
        assert_eq!(since, Duration::from_nanos(nanos));
        assert!(timestamp > Timestamp::from_nanos(nanos / 2));
        assert_eq!(timestamp + Duration::MAX, Timestamp::from_nanos(u64::MAX));
    }
    assert_eq!(size_of::<Option<Timestamp>>(), size_of::<u64>());
}
