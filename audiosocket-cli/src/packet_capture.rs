//! Captures of packets, where the bytes of one direction are expected.

use std::io::{self, ErrorKind};

/// The first bytes of pcapng and pcap, in either byte order. A stream of a call does not begin so: they would be the header
/// of an unknown kind.
const MAGICS: [[u8; 4]; 5] = [
    [0x0a, 0x0d, 0x0d, 0x0a],
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x4d, 0x3c, 0xb2, 0xa1],
];

/// Returns an error if a file that begins with `bytes` is a capture of packets.
pub(crate) fn refuse(bytes: &[u8]) -> io::Result<()> {
    if MAGICS.iter().all(|magic| !bytes.starts_with(magic)) {
        return Ok(());
    }
    Err(io::Error::new(
        ErrorKind::InvalidData,
        "this is a capture of packets, and not the bytes of one direction; open it in Wireshark or tshark, or capture with \
         --capture-as streams",
    ))
}
