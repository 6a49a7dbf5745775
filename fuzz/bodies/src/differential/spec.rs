//! The wire, written down from the description of the protocol once more and without the core: the
//! whole stream at once, plain numbers, nothing remembered between two reads, since there are none.

use crate::reference;

/// Samples per second of the kinds from `0x10` on.
pub(super) const RATES: [u32; 9] = [
    8_000, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000,
];

/// The longest payload that two bytes of length announce.
pub(super) const LONGEST: usize = 0xffff;

/// What a server is told of a call, in words of no crate.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Told {
    Uuid([u8; 16]),
    /// Samples per second, and the payload.
    Audio(u32, Vec<u8>),
    Key(u8),
    BadKey,
    /// Flags that Asterisk reported.
    Error(u8),
    /// Kind and payload.
    Ignored(u8, Vec<u8>),
    Over(Over),
}

/// How a call ended, as a server sees it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Over {
    Closed,
    PeerHungUp,
    HungUp,
    Reset,
    Lost,
    /// A kind came first that was not the UUID's.
    NotUuid(u8),
    UuidLength(usize),
    SecondUuid,
    NoUuid,
    /// Inside a frame of which so many bytes had come.
    Cut(usize),
    /// Flags of an error, a hangup among them and not alone.
    Error(u8),
    Stalled,
    Idle,
    /// It had lasted for as long as it may.
    TooLong,
}

/// What Asterisk makes of what a server sends.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Heard {
    Audio(u32, Vec<u8>),
    HungUp,
    /// A kind that it ends the call for.
    Rejected(u8),
    /// The connection was closed, between two frames or inside one.
    Closed,
    Cut,
    CallerHungUp,
}

/// What a server is told by `stream`, and after how many bytes of it; up to what ends the call.
pub(super) fn told_by(stream: &[u8]) -> Vec<(usize, Told)> {
    // What does not begin with a UUID is no call, and its header says so.
    match stream {
        [0x01, 0, 16, ..] | [] | [_] | [_, _] => {}
        [0x01, high, low, ..] => {
            let len = usize::from(*high) * 256 + usize::from(*low);
            return vec![(3, Told::Over(Over::UuidLength(len)))];
        }
        [kind, ..] => return vec![(3, Told::Over(Over::NotUuid(*kind)))],
    }
    let mut all = Vec::new();
    for (n, (end, kind, payload)) in frames(stream).into_iter().enumerate() {
        let told = match (kind, payload.len()) {
            (0x00, _) => Told::Over(Over::PeerHungUp),
            (0x01, _) if n == 0 => Told::Uuid(sixteen(&payload)),
            (0x01, 16) => Told::Over(Over::SecondUuid),
            (0x01, len) => Told::Over(Over::UuidLength(len)),
            (0x03, 1) if is_key(payload[0]) => Told::Key(payload[0]),
            (0x03, _) => Told::BadKey,
            (0x10..=0x18, 1..) => Told::Audio(RATES[usize::from(kind) - 0x10], payload),
            (0xff, 0) => Told::Error(0),
            (0xff, _) => match payload[0] {
                0x01 => Told::Over(Over::PeerHungUp),
                flags if flags % 2 == 1 => Told::Over(Over::Error(flags)),
                flags => Told::Error(flags),
            },
            _ => Told::Ignored(kind, payload),
        };
        let over = matches!(told, Told::Over(_));
        all.push((end, told));
        if over {
            break;
        }
    }
    all
}

/// What Asterisk makes of `stream`, and after how many bytes of it; up to what ends the call.
pub(super) fn heard_in(stream: &[u8]) -> Vec<(usize, Heard)> {
    let mut all = Vec::new();
    for (end, kind, payload) in frames(stream) {
        let (heard, over) = match kind {
            0x00 => (Heard::HungUp, true),
            0x10..=0x18 if !payload.is_empty() => {
                let rate = RATES[usize::from(kind) - 0x10];
                (Heard::Audio(rate, payload), false)
            }
            _ => (Heard::Rejected(kind), true),
        };
        all.push((end, heard));
        if over {
            break;
        }
    }
    all
}

/// How many bytes of an unfinished frame have come, once so many of `stream` have.
pub(super) fn cuts(stream: &[u8]) -> impl Fn(usize) -> usize {
    let ends: Vec<usize> = frames(stream).into_iter().map(|(end, ..)| end).collect();
    move |arrived| {
        let last = ends.iter().rev().find(|end| **end <= arrived);
        arrived - last.copied().unwrap_or(0)
    }
}

/// A frame, as it goes over the wire.
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

/// Audio of that many samples per second, as a frame.
pub(super) fn audio(rate: u32, payload: &[u8]) -> Vec<u8> {
    let place = RATES.iter().position(|known| *known == rate);
    frame(0x10 + place.expect("a rate of AudioSocket") as u8, payload)
}

pub(super) fn is_key(byte: u8) -> bool {
    b"0123456789*#ABCD".contains(&byte)
}

/// Each whole frame: where it ends in the stream, its kind, its payload.
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
    payload.try_into().expect("looked at above")
}
