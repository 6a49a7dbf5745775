//! Frames and reads that the tests share.

use std::io::Read;
use std::net::TcpStream;

pub(crate) fn uuid_frame(uuid: u128) -> Vec<u8> {
    let mut frame = vec![0x01, 0, 16];
    frame.extend(uuid.to_be_bytes());
    frame
}

pub(crate) fn audio_frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x10];
    frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    frame.extend(payload);
    frame
}

pub(crate) fn read(stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

pub(crate) fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}
