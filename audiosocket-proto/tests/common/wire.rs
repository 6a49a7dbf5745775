//! Makes frames by the description of the protocol, so that tests do not depend on the crate's encoder.

/// The UUID of all captures and of all calls in these tests.
pub(crate) const UUID: u128 = 0x4032_5ec2_5efd_4bd3_805f_5357_6e58_1d13;

/// The bytes of one frame.
pub(crate) fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).expect("a payload of at most 65,535 bytes");
    let mut frame = vec![kind, (len >> 8) as u8, (len & 0xff) as u8];
    frame.extend_from_slice(payload);
    frame
}
