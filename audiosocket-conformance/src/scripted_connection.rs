use std::net::SocketAddr;
use std::rc::Rc;

use audiosocket_server::CallHandle;

use crate::env::{Env, Fault, PeerSocket};
use crate::frames::{HANGUP, MINUTE};
use crate::transcript::Transcripts;

/// One connection of a script: what it sends, what must come back, and what the server's handler
/// must have recorded. Dropping it closes it.
pub(crate) struct ScriptedConnection {
    /// `None` once closed.
    socket: Option<Box<dyn PeerSocket>>,
    env: Rc<dyn Env>,
    transcripts: Transcripts,
    addr: SocketAddr,
    /// The number of records of connections that had the same address before.
    begin: usize,
}

impl ScriptedConnection {
    pub(crate) fn new(
        socket: Box<dyn PeerSocket>,
        addr: SocketAddr,
        env: &Rc<dyn Env>,
        transcripts: &Transcripts,
    ) -> Self {
        Self {
            socket: Some(socket),
            env: Rc::clone(env),
            transcripts: transcripts.clone(),
            addr,
            begin: transcripts.expected(addr),
        }
    }

    /// Sends bytes, in one write.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.socket().send(bytes).unwrap();
    }

    /// The next bytes that come are these.
    pub(crate) fn expect(&mut self, bytes: &[u8]) {
        let mut came = vec![0; bytes.len()];
        self.fill(&mut came);
        let wrong = came.iter().zip(bytes).position(|(came, due)| came != due);
        if let Some(place) = wrong {
            let about = place.saturating_sub(8)..bytes.len().min(place + 8);
            panic!(
                "at byte {place} came {:?} in place of {:?}",
                &came[about.clone()],
                &bytes[about]
            );
        }
    }

    /// The next frame that is not silence.
    pub(crate) fn frame_behind_silence(&mut self) -> Vec<u8> {
        let mut frames = std::iter::repeat_with(|| self.frame()).take(MINUTE);
        let speaks = |frame: &Vec<u8>| frame[3..].iter().any(|byte| *byte != 0);
        frames.find(speaks).unwrap()
    }

    /// The next frame, whole.
    pub(crate) fn frame(&mut self) -> Vec<u8> {
        let mut frame = vec![0; 3];
        self.fill(&mut frame);
        let len = usize::from(u16::from_be_bytes([frame[1], frame[2]]));
        frame.resize(3 + len, 0);
        self.fill(&mut frame[3..]);
        frame
    }

    /// Nothing more comes, and the stream ends in order.
    pub(crate) fn expect_end(&mut self) {
        let mut more = [0; 64];
        let read = self.socket().receive(&mut more).unwrap();
        assert_eq!(more[..read], [], "in place of the end");
    }

    /// The server hangs up, and says nothing else.
    pub(crate) fn expect_hangup(&mut self) {
        self.expect(&HANGUP);
        self.expect_end();
    }

    /// Closes the sending side only.
    pub(crate) fn half_close(&mut self) {
        self.socket().half_close();
    }

    /// Closes, as Asterisk ends a call. What came and was not read would make that a reset.
    pub(crate) fn close(&mut self) {
        drop(self.socket.take());
    }

    /// Closes with a reset.
    pub(crate) fn reset(&mut self) {
        self.socket.take().unwrap().reset();
    }

    /// The server closes its side for good, though this side stays open. The call is over already,
    /// for on a real socket it takes bytes to find out.
    pub(crate) fn gone(&mut self) {
        self.socket().gone();
    }

    /// The same, and until then it is sent this again and again.
    pub(crate) fn flood(&mut self, bytes: &[u8]) {
        self.socket().flood(bytes);
    }

    pub(crate) fn fail(&mut self, fault: Fault) {
        self.socket().fail(fault);
    }

    /// Waits until the handler has recorded this.
    pub(crate) fn wait_for(&self, record: &str) {
        self.until(record, &|| self.records().iter().any(|line| line == record));
    }

    /// Nothing has been recorded so far.
    pub(crate) fn assert_no_records(&self) {
        let records = self.records();
        assert!(records.is_empty(), "recorded already: {records:#?}");
    }

    /// Waits until the handler has been given this many orders that are not recorded.
    pub(crate) fn wait_for_unrecorded(&self, count: usize) {
        let reached = || self.transcripts.unrecorded(self.addr) >= count;
        self.until("unrecorded orders", &reached);
    }

    /// Waits for the records of this connection: these, and no others.
    pub(crate) fn transcript<L: AsRef<str>>(&self, expected: &[L]) {
        let end = self.begin + expected.len();
        let last = expected.last().map_or("nothing", AsRef::as_ref);
        self.until(last, &|| self.transcripts.len(self.addr) >= end);
        let expected: Vec<_> = expected.iter().map(AsRef::as_ref).collect();
        let records = self.records();
        let mut pairs = records.iter().zip(&expected);
        if let Some(place) = pairs.position(|(record, expected)| record != expected) {
            panic!(
                "record {place} is {:?} in place of {:?}, in {records:#?}",
                records[place], expected[place]
            );
        }
        let more = records.get(expected.len()..).unwrap_or_default();
        assert!(more.is_empty(), "more records: {more:#?}");
        self.transcripts.set_expected(self.addr, end);
    }

    /// Reaches the call from outside its callbacks. The call has begun.
    pub(crate) fn handle(&self) -> CallHandle {
        self.transcripts.handle(self.addr).unwrap()
    }

    /// The records of this connection so far.
    fn records(&self) -> Vec<String> {
        self.transcripts.lines(self.addr).split_off(self.begin)
    }

    /// Waits for so many bytes.
    fn fill(&mut self, buffer: &mut [u8]) {
        let mut len = 0;
        while len < buffer.len() {
            let read = self.socket().receive(&mut buffer[len..]).unwrap();
            assert!(read > 0, "{len} of {} bytes and then the end", buffer.len());
            len += read;
        }
    }

    fn until(&self, what: &str, holds: &dyn Fn() -> bool) {
        let reached = self.env.until(holds);
        assert!(reached, "no {what:?} in {:#?}", self.records());
    }

    fn socket(&mut self) -> &mut dyn PeerSocket {
        &mut **self.socket.as_mut().unwrap()
    }
}
