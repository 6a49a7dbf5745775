//! The protocol, written from its description and without the core. It parses the whole stream at once and uses plain
//! numbers.

use crate::reference;

/// The sample rates in Hz of the kinds from `0x10` on.
pub(super) const RATES: [u32; 9] = [
    8_000, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000,
];

/// The longest payload. The length of a frame has two bytes.
pub(super) const LONGEST: usize = 0xffff;

/// An event of a server session. It uses no type of the core.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ServerEvent {
    Uuid([u8; 16]),
    /// The sample rate in Hz, and the payload.
    Audio(u32, Vec<u8>),
    Key(u8),
    BadKey,
    /// The flags that Asterisk reported.
    Error(u8),
    /// The kind and the payload.
    Ignored(u8, Vec<u8>),
    End(CallEnd),
}

/// The end of a call on the server's side.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum CallEnd {
    Closed,
    PeerHungUp,
    HungUp,
    Reset,
    Lost,
    /// The first frame had this kind, and was not a UUID.
    NotUuid(u8),
    UuidLength(usize),
    SecondUuid,
    NoUuid,
    /// The stream ended inside a frame, after this number of its bytes.
    Cut(usize),
    /// The flags of an error: a hangup and others.
    Error(u8),
    Stalled,
    Idle,
    /// The call reached its maximum duration.
    TooLong,
}

/// An event of a client session, on Asterisk's side.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum AsteriskEvent {
    Audio(u32, Vec<u8>),
    HungUp,
    /// Asterisk ends the call for this kind.
    Rejected(u8),
    /// The connection closed between two frames.
    Closed,
    /// The connection closed inside a frame.
    Cut,
    CallerHungUp,
}

/// Returns the server's events for `stream`, up to the end of the call. The number is the position in the stream.
pub(super) fn server_events(stream: &[u8]) -> Vec<(usize, ServerEvent)> {
    // A stream that does not start with a UUID is not a call. Its first header is enough to decide that.
    match stream {
        [0x01, 0, 16, ..] | [] | [_] | [_, _] => {}
        [0x01, high, low, ..] => {
            let len = usize::from(*high) * 256 + usize::from(*low);
            return vec![(3, ServerEvent::End(CallEnd::UuidLength(len)))];
        }
        [kind, ..] => return vec![(3, ServerEvent::End(CallEnd::NotUuid(*kind)))],
    }
    let mut all = Vec::new();
    for (n, (end, kind, payload)) in frames(stream).into_iter().enumerate() {
        let event = match (kind, payload.len()) {
            (0x00, _) => ServerEvent::End(CallEnd::PeerHungUp),
            (0x01, _) if n == 0 => ServerEvent::Uuid(sixteen(&payload)),
            (0x01, 16) => ServerEvent::End(CallEnd::SecondUuid),
            (0x01, len) => ServerEvent::End(CallEnd::UuidLength(len)),
            (0x03, 1) if is_key(payload[0]) => ServerEvent::Key(payload[0]),
            (0x03, _) => ServerEvent::BadKey,
            (0x10..=0x18, 1..) => ServerEvent::Audio(RATES[usize::from(kind) - 0x10], payload),
            (0xff, 0) => ServerEvent::Error(0),
            (0xff, _) => match payload[0] {
                0x01 => ServerEvent::End(CallEnd::PeerHungUp),
                flags if flags % 2 == 1 => ServerEvent::End(CallEnd::Error(flags)),
                flags => ServerEvent::Error(flags),
            },
            _ => ServerEvent::Ignored(kind, payload),
        };
        let over = matches!(event, ServerEvent::End(_));
        all.push((end, event));
        if over {
            break;
        }
    }
    all
}

/// Returns Asterisk's events for `stream`, up to the end of the call. The number is the position in the stream.
pub(super) fn asterisk_events(stream: &[u8]) -> Vec<(usize, AsteriskEvent)> {
    let mut all = Vec::new();
    for (end, kind, payload) in frames(stream) {
        let (event, over) = match kind {
            0x00 => (AsteriskEvent::HungUp, true),
            0x10..=0x18 if !payload.is_empty() => {
                let rate = RATES[usize::from(kind) - 0x10];
                (AsteriskEvent::Audio(rate, payload), false)
            }
            _ => (AsteriskEvent::Rejected(kind), true),
        };
        all.push((end, event));
        if over {
            break;
        }
    }
    all
}

/// Returns a function from a position in `stream` to the number of bytes of the incomplete frame there.
pub(super) fn cuts(stream: &[u8]) -> impl Fn(usize) -> usize {
    let ends: Vec<usize> = frames(stream).into_iter().map(|(end, ..)| end).collect();
    move |arrived| {
        let last = ends.iter().rev().find(|end| **end <= arrived);
        arrived - last.copied().unwrap_or(0)
    }
}

/// Encodes a frame.
pub(super) fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() <= LONGEST);
    let mut frame = vec![
        kind,
        (payload.len() / 256) as u8,
        (payload.len() % 256) as u8,
    ];
    frame.extend_from_slice(payload);
    frame
}

/// Encodes a frame of audio at `rate` Hz.
pub(super) fn audio(rate: u32, payload: &[u8]) -> Vec<u8> {
    let place = RATES.iter().position(|known| *known == rate);
    frame(
        0x10 + place.expect("AudioSocket has this rate") as u8,
        payload,
    )
}

pub(super) fn is_key(byte: u8) -> bool {
    b"0123456789*#ABCD".contains(&byte)
}

/// Returns each complete frame: the position of its end in the stream, its kind and its payload.
pub(super) fn frames(stream: &[u8]) -> Vec<(usize, u8, Vec<u8>)> {
    let mut end = 0;
    let (frames, _cut) = reference::parse(stream);
    let placed = frames.into_iter().map(|(kind, payload)| {
        end += 3 + payload.len();
        (end, kind, payload)
    });
    placed.collect()
}

fn sixteen(payload: &[u8]) -> [u8; 16] {
    payload.try_into().expect("the length was checked before")
}
