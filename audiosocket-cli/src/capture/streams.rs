use std::fs::File;
use std::io::{self, Write as _};

use audiosocket_tokio::stats::CallSide;

/// The bytes of each side in a file of its own, as `audiosocket decode` and `audiosocket call --replay` read them.
#[derive(Debug)]
pub(super) struct StreamFiles {
    pub(super) caller: File,
    pub(super) server: File,
}

impl StreamFiles {
    pub(super) fn write(&mut self, side: CallSide, bytes: &[u8]) -> io::Result<()> {
        match side {
            CallSide::Caller => self.caller.write_all(bytes),
            CallSide::Server => self.server.write_all(bytes),
        }
    }
}
