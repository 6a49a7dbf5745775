//! Telephones with SIP and RTP: processes of SIPp.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Asterisk's address, from `etc/pjsip.conf`.
const ASTERISK: &str = "127.0.0.1:25070";

/// The file with the values of each telephone.
const LINES: &str = "lines.csv";

/// The codec of a telephone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// G.711 A-law.
    Alaw,
    /// G.711 µ-law.
    Ulaw,
}

/// Telephones that call, wait and hang up.
#[derive(Debug)]
pub struct Phones {
    sipp: Child,
    files: TempDir,
}

/// The results of the calls.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// Calls that were answered and ended as expected.
    pub successful: u64,
    /// All other calls.
    pub failed: u64,
}

impl Phones {
    /// Starts `count` telephones that call `extension`, 25 per second and at most `at_once` at the same
    /// time. They send `audio`, 20 ms per packet.
    ///
    /// # Panics
    /// If SIPp cannot be started.
    #[must_use]
    pub fn dial(count: u32, at_once: u32, extension: &str, codec: Codec, audio: &[u8]) -> Self {
        let files = tempfile::tempdir().expect("a temporary directory");
        let pcap = files.path().join("audio.pcap");
        fs::write(&pcap, capture(codec, audio)).expect("the audio is written");
        // SIPp 3.6 accepts no variable in this place.
        let speak = format!(
            r#"<nop><action><exec play_pcap_audio="{}"/></action></nop>"#,
            pcap.display()
        );
        // Longer than the audio, so that all of it is echoed before the end. After two seconds without
        // audio the application would end the call.
        let pause = audio.len() / 8 + 1000;
        let scenario = scenario(codec, extension, "[auto_media_port]", &speak, pause);
        Self::start(files, &scenario, count, at_once)
    }

    /// Starts a telephone for each pair of an extension and a UDP port on loopback. Another program sends
    /// and receives the RTP on that port. All telephones call at the same time, and hang up after
    /// `milliseconds`.
    ///
    /// # Panics
    /// If SIPp cannot be started.
    #[must_use]
    pub fn ring(lines: &[(String, u16)], codec: Codec, milliseconds: usize) -> Self {
        let files = tempfile::tempdir().expect("a temporary directory");
        let rows = lines
            .iter()
            .map(|(extension, port)| format!("{extension};{port}\n"));
        let rows = "SEQUENTIAL\n".to_owned() + &rows.collect::<String>();
        fs::write(files.path().join(LINES), rows).expect("the lines are written");
        let scenario = scenario(codec, "[field0]", "[field1]", "", milliseconds);
        let count = u32::try_from(lines.len()).expect("the number of calls fits 32 bits");
        Self::start(files, &scenario, count, count)
    }

    fn start(files: TempDir, scenario: &str, count: u32, at_once: u32) -> Self {
        fs::write(files.path().join("call.xml"), scenario).expect("the scenario is written");
        let lines = files.path().join(LINES);
        let output = File::create(files.path().join("output")).expect("a file for SIPp's output");
        // A high priority, because real telephones have processors of their own.
        let mut sipp = Command::new("nice");
        sipp.args(["-n", "-15", "sipp", ASTERISK, "-sf", "call.xml"])
            .args(["-i", "127.0.0.1", "-p", "25080", "-mp", "26000"])
            .args([
                "-m",
                &count.to_string(),
                "-l",
                &at_once.to_string(),
                "-r",
                "25",
            ])
            .args(["-nostdin", "-timeout", "60s", "-timeout_error"])
            .args(["-trace_stat", "-stf", "statistics"])
            .args(["-trace_err", "-error_file", "errors"]);
        if lines.exists() {
            sipp.args(["-inf", LINES]);
        }
        let sipp = sipp
            .current_dir(files.path())
            // SIPp draws a screen, and needs the name of a terminal.
            .env("TERM", "dumb")
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second descriptor"))
            .stderr(output)
            .spawn()
            .expect("SIPp starts");
        Self { sipp, files }
    }

    /// Waits until all calls have ended.
    ///
    /// # Panics
    /// If SIPp writes no statistics.
    pub fn wait(mut self) -> Outcome {
        // SIPp has a time limit.
        let status = self.sipp.wait().expect("SIPp's status");
        let read = |name| fs::read_to_string(self.files.path().join(name)).unwrap_or_default();
        let statistics = read("statistics");
        let total = |column| total(&statistics, column);
        match (total("SuccessfulCall(C)"), total("FailedCall(C)")) {
            (Some(successful), Some(failed)) => {
                if !status.success() {
                    eprintln!("--- SIPp's errors ({status})\n{}\n---", read("errors"));
                }
                Outcome { successful, failed }
            }
            _ => panic!(
                "SIPp ended with {status} and wrote no statistics:\n{}{}",
                read("errors"),
                read("output")
            ),
        }
    }
}

impl Drop for Phones {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.sipp.kill();
        let _ = self.sipp.wait();
    }
}

impl Codec {
    pub(crate) fn in_sdp(self) -> (u8, &'static str) {
        match self {
            Self::Alaw => (8, "PCMA"),
            Self::Ulaw => (0, "PCMU"),
        }
    }
}

fn scenario(codec: Codec, extension: &str, port: &str, speak: &str, milliseconds: usize) -> String {
    let (payload_type, name) = codec.in_sdp();
    include_str!("../sipp/call.xml")
        .replace("@EXTENSION@", extension)
        .replace("@MEDIA_PORT@", port)
        .replace("@PAYLOAD_TYPE@", &payload_type.to_string())
        .replace("@CODEC@", name)
        .replace("@SPEAK@", speak)
        .replace("@PAUSE@", &milliseconds.to_string())
}

/// The number in the last row of this column.
fn total(statistics: &str, column: &str) -> Option<u64> {
    let mut lines = statistics.lines();
    let index = lines
        .next()?
        .split(';')
        .position(|heading| heading == column)?;
    lines.last()?.split(';').nth(index)?.parse().ok()
}

/// G.711 audio as RTP in a packet capture. SIPp plays no other form.
fn capture(codec: Codec, audio: &[u8]) -> Vec<u8> {
    // Magic, version 2.4, time zone, accuracy, longest packet, Ethernet.
    let mut pcap = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 0xffff, 1]
        .map(u32::to_le_bytes)
        .concat();
    for (number, payload) in (0_u32..).zip(audio.chunks(160)) {
        let length = u16::try_from(payload.len()).expect("a chunk is short") + 12;
        // SIPp replaces addresses, ports and checksums.
        let mut packet = vec![0; 12];
        packet.extend([0x08, 0x00]);
        packet.extend([0x45, 0]);
        packet.extend((length + 28).to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
        packet.extend([0; 4]);
        packet.extend((length + 8).to_be_bytes());
        packet.extend([0, 0]);
        let sequence = u16::try_from(number % 0x1_0000).expect("a remainder");
        packet.extend([0x80, codec.in_sdp().0]);
        packet.extend(sequence.to_be_bytes());
        packet.extend((number * 160).to_be_bytes());
        packet.extend([0, 0, 0, 1]);
        packet.extend(payload);
        let milliseconds = number * 20;
        let size = u32::try_from(packet.len()).expect("a packet is short");
        let record = [milliseconds / 1000, milliseconds % 1000 * 1000, size, size];
        pcap.extend(record.map(u32::to_le_bytes).concat());
        pcap.extend(packet);
    }
    pcap
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_read_from_the_last_row() {
        let statistics = "Time;FailedCall(P);FailedCall(C);\n0;0;0;\n1;2;3;\n";
        assert_eq!(total(statistics, "FailedCall(C)"), Some(3));
        assert_eq!(total(statistics, "SuccessfulCall(C)"), None);
        assert_eq!(total("", "FailedCall(C)"), None);
    }
}
