//! A process that takes over calls, or claims to.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::process::PATIENCE;

/// The other side of the link, as far as a test needs it.
pub(super) struct FakeProcess(pub(super) UnixStream);

impl FakeProcess {
    pub(super) fn connect(socket: &Path) -> Self {
        Self::new(UnixStream::connect(socket).unwrap())
    }

    pub(super) fn new(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    /// Returns the kind and the payload of the next message.
    pub(super) fn receive(&mut self) -> (u8, Vec<u8>) {
        let mut header = [0; 5];
        self.0.read_exact(&mut header).unwrap();
        let [kind, len @ ..] = header;
        let mut payload = vec![0; u32::from_le_bytes(len) as usize];
        self.0.read_exact(&mut payload).unwrap();
        (kind, payload)
    }

    pub(super) fn send(&mut self, kind: u8, payload: &[u8]) {
        let len = u32::try_from(payload.len()).unwrap().to_le_bytes();
        self.0
            .write_all(&[&[kind], &len[..], payload].concat())
            .unwrap();
    }

    /// Does what a new process does, until it would answer for the calls. Returns the number of the calls.
    pub(super) fn begin(&mut self) -> usize {
        let (_, hello) = self.receive();
        // This test has the same version.
        self.send(HELLO, &hello);
        while self.receive().0 != END {}
        self.send(READY, &[]);
        let mut calls = 0;
        while self.receive().0 != END {
            calls += 1;
        }
        calls
    }
}

pub(super) const HELLO: u8 = 0;
pub(super) const END: u8 = 2;
pub(super) const READY: u8 = 3;
pub(super) const CALL: u8 = 4;
pub(super) const TAKEN: u8 = 5;
