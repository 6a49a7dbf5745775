//! Frames written by hand from the description of the protocol, so that no test takes the crate's
//! own encoder for the truth.

/// The UUID of every capture, and of every call in these tests.
pub(crate) const UUID: u128 = 0x4032_5ec2_5efd_4bd3_805f_5357_6e58_1d13;

/// One frame, as it goes over the wire.
pub(crate) fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).expect("a payload that fits its length field");
    let mut frame = vec![kind, (len >> 8) as u8, (len & 0xff) as u8];
    frame.extend_from_slice(payload);
    frame
}
