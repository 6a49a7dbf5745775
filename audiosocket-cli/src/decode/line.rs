use std::fmt;

use audiosocket_proto::{ErrorFlags, Frame, Message};
use serde::Serialize;

/// A line of the output: one frame.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    offset: u64,
    kind: u8,
    name: &'static str,
    length: usize,
    #[serde(flatten)]
    meaning: Meaning,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Meaning {
    Nothing {},
    Uuid { uuid: String },
    Dtmf { digit: char },
    Audio { rate: u32, ms: f64, silence: bool },
    Error { flags: u8 },
    Problem { problem: String },
}

impl Line {
    pub(super) fn new(offset: u64, frame: Frame<'_>) -> Self {
        Self {
            offset,
            kind: frame.kind.0,
            name: frame.kind.name().unwrap_or("unknown"),
            length: frame.payload.len(),
            meaning: Meaning::of(frame),
        }
    }
}

impl Meaning {
    fn of(frame: Frame<'_>) -> Self {
        match Message::parse(frame) {
            Ok(Message::Uuid(uuid)) => Self::Uuid {
                uuid: uuid.to_string(),
            },
            Ok(Message::Dtmf(digit)) => Self::Dtmf {
                digit: digit.as_char(),
            },
            Ok(Message::Audio(audio)) if audio.is_empty() => Self::Problem {
                problem: "an audio frame without bytes".to_owned(),
            },
            Ok(Message::Audio(audio)) => {
                let duration = audio.rate().duration_of(audio.len() as u64 / 2);
                Self::Audio {
                    rate: audio.rate().hz(),
                    ms: duration.as_nanos() as f64 / 1e6,
                    silence: audio.iter().all(|byte| *byte == 0),
                }
            }
            Ok(Message::Error(flags)) => Self::Error { flags: flags.0 },
            Ok(_) => Self::Nothing {},
            Err(error) => Self::Problem {
                problem: error.to_string(),
            },
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            offset,
            kind,
            name,
            length,
            meaning,
        } = self;
        write!(f, "{offset:>10}  0x{kind:02x}  {name:<13}  {length:>5}")?;
        match meaning {
            Meaning::Nothing {} => Ok(()),
            Meaning::Uuid { uuid } => write!(f, "  {uuid}"),
            Meaning::Dtmf { digit } => write!(f, "  {digit}"),
            Meaning::Audio { rate, ms, silence } => {
                let silence = if *silence { ", silence" } else { "" };
                write!(f, "  {rate} Hz, {ms} ms{silence}")
            }
            Meaning::Error { flags } => write!(f, "  {}", ErrorFlags(*flags)),
            Meaning::Problem { problem } => write!(f, "  malformed: {problem}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(mut bytes: &[u8]) -> Line {
        Line::new(19, Frame::split_first(&mut bytes).unwrap())
    }

    fn text(bytes: &[u8]) -> String {
        let line = line(bytes).to_string();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn json(bytes: &[u8]) -> String {
        serde_json::to_string(&line(bytes)).unwrap()
    }

    #[test]
    fn each_kind_has_a_line_of_its_own() {
        assert_eq!(text(&[0x00, 0, 0]), "19 0x00 hangup 0");
        assert_eq!(
            text(b"\x01\x00\x10sixteen bytes !!"),
            "19 0x01 uuid 16 73697874-6565-6e20-6279-746573202121"
        );
        assert_eq!(text(b"\x03\x00\x01#"), "19 0x03 dtmf 1 #");
        assert_eq!(
            text(&[0x15, 0, 4, 0, 0, 1, 0]),
            "19 0x15 audio slin44 4 44100 Hz, 0.045351 ms"
        );
        assert_eq!(
            text(&[0x12, 0, 4, 0, 0, 0, 0]),
            "19 0x12 audio slin16 4 16000 Hz, 0.125 ms, silence"
        );
        assert_eq!(
            text(&[0xff, 0, 1, 6]),
            "19 0xff error 1 0x06 (frame forwarding, memory)"
        );
        assert_eq!(text(&[0x7f, 0, 1, 6]), "19 0x7f unknown 1");
    }

    #[test]
    fn a_malformed_frame_is_printed_without_its_bytes() {
        assert_eq!(
            text(b"\x03\x00\x01\x1b"),
            "19 0x03 dtmf 1 malformed: a key press that is not one of 0-9 * # A-D"
        );
        assert_eq!(
            text(&[0x10, 0, 0]),
            "19 0x10 audio slin 0 malformed: an audio frame without bytes"
        );
        assert_eq!(
            json(b"\x01\x00\x02ab"),
            r#"{"offset":19,"kind":1,"name":"uuid","length":2,"problem":"a UUID of 2 bytes instead of 16"}"#
        );
    }

    #[test]
    fn json_has_the_fields_that_apply() {
        assert_eq!(
            json(&[0x00, 0, 0]),
            r#"{"offset":19,"kind":0,"name":"hangup","length":0}"#
        );
        assert_eq!(
            json(&[0x10, 0, 2, 1, 0]),
            r#"{"offset":19,"kind":16,"name":"audio slin","length":2,"rate":8000,"ms":0.125,"silence":false}"#
        );
        assert_eq!(
            json(&[0xff, 0, 0]),
            r#"{"offset":19,"kind":255,"name":"error","length":0,"flags":0}"#
        );
    }
}
