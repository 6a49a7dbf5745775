use std::net::SocketAddr;
use std::rc::Rc;

use audiosocket_server::CallHandle;

use crate::cases::call;
use crate::env::{Env, Fault, PeerSocket};
use crate::frames::{HANGUP, MINUTE, audio};
use crate::transcript::Transcripts;

/// One connection of a case. The methods send bytes, expect bytes, and check the records of the
/// server's handler. Dropping it closes the connection.
pub(crate) struct ScriptedConnection {
    /// The name of the call.
    pub(crate) name: String,
    /// `None` when closed.
    socket: Option<Box<dyn PeerSocket>>,
    env: Rc<dyn Env>,
    transcripts: Transcripts,
    addr: SocketAddr,
    /// The number of records of earlier connections from the same address.
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
            name: "echo".to_owned(),
            socket: Some(socket),
            env: Rc::clone(env),
            transcripts: transcripts.clone(),
            addr,
            begin: transcripts.expected(addr),
        }
    }

    /// Sends `bytes` in one write.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.socket().send(bytes).unwrap();
    }

    /// Sends `header` of the PROXY protocol, which has this address of a client. The records of the connection are those of
    /// the client from now on.
    pub(crate) fn announce(&mut self, header: &[u8], client: SocketAddr) {
        self.send(header);
        self.addr = client;
        self.begin = self.transcripts.expected(client);
    }

    /// Expects that the next received bytes are `bytes`.
    pub(crate) fn expect(&mut self, bytes: &[u8]) {
        let mut came = vec![0; bytes.len()];
        self.fill(&mut came);
        let wrong = came.iter().zip(bytes).position(|(came, due)| came != due);
        if let Some(place) = wrong {
            let about = place.saturating_sub(8)..bytes.len().min(place + 8);
            panic!(
                "from byte {place} on, received {:?} and not {:?}",
                &came[about.clone()],
                &bytes[about]
            );
        }
    }

    /// Sends audio at 8 kHz, and expects the same frame back.
    pub(crate) fn echoes(&mut self, payload: &[u8]) {
        self.send(&audio(payload));
        self.expect(&audio(payload));
    }

    /// Returns the next frame that is not silence.
    pub(crate) fn frame_behind_silence(&mut self) -> Vec<u8> {
        let mut frames = std::iter::repeat_with(|| self.frame()).take(MINUTE);
        let speaks = |frame: &Vec<u8>| frame[3..].iter().any(|byte| *byte != 0);
        frames.find(speaks).unwrap()
    }

    /// Returns the next frame.
    pub(crate) fn frame(&mut self) -> Vec<u8> {
        let mut frame = vec![0; 3];
        self.fill(&mut frame);
        let len = usize::from(u16::from_be_bytes([frame[1], frame[2]]));
        frame.resize(3 + len, 0);
        self.fill(&mut frame[3..]);
        frame
    }

    /// Expects an orderly end of the stream.
    pub(crate) fn expect_end(&mut self) {
        let mut more = [0; 64];
        let read = self.socket().receive(&mut more).unwrap();
        assert_eq!(more[..read], [], "bytes before the end");
    }

    /// Expects a hangup frame and the end of the stream.
    pub(crate) fn expect_hangup(&mut self) {
        self.expect(&HANGUP);
        self.expect_end();
    }

    /// Closes the sending side.
    pub(crate) fn half_close(&mut self) {
        self.socket().half_close();
    }

    /// Closes the connection, as Asterisk ends a call. With unread bytes, the kernel would send a reset.
    pub(crate) fn close(&mut self) {
        drop(self.socket.take());
    }

    /// Closes the sending side, and expects the end of the stream.
    pub(crate) fn finish(&mut self) {
        self.half_close();
        self.expect_end();
    }

    /// Closes the connection with a reset.
    pub(crate) fn reset(&mut self) {
        self.socket.take().unwrap().reset();
    }

    /// Waits until the server has closed its end, although this end stays open. The call must be over: on a real socket
    /// this method sends bytes until a write fails.
    pub(crate) fn gone(&mut self) {
        self.socket().gone();
    }

    /// Sends `bytes` repeatedly until the server has closed its end.
    pub(crate) fn flood(&mut self, bytes: &[u8]) {
        self.socket().flood(bytes);
    }

    pub(crate) fn fail(&mut self, fault: Fault) {
        self.socket().fail(fault);
    }

    /// Waits for this record.
    pub(crate) fn wait_for(&self, record: &str) {
        self.until(record, &|| self.records().iter().any(|line| line == record));
    }

    /// Fails if there is a record.
    #[cfg(feature = "adapters")]
    pub(crate) fn assert_no_records(&self) {
        let records = self.records();
        assert!(records.is_empty(), "unexpected records: {records:#?}");
    }

    /// Waits until the handler got this many orders that are not recorded.
    pub(crate) fn wait_for_unrecorded(&self, count: usize) {
        let reached = || self.transcripts.unrecorded(self.addr) >= count;
        self.until("unrecorded orders", &reached);
    }

    /// Waits for the records of this call: those of its start, `between`, and its end. Fails if there
    /// are others.
    pub(crate) fn check<L: AsRef<str>>(&self, between: &[L], end: &str) {
        self.transcript(&call(&self.name, between, end));
    }

    /// Closes the connection, and checks the records of the call.
    pub(crate) fn closes<L: AsRef<str>>(&mut self, between: &[L]) {
        self.close();
        self.check(between, "closed by the peer");
    }

    /// Closes the sending side, expects the end of the stream, and checks the records of the call.
    pub(crate) fn half_closes<L: AsRef<str>>(&mut self, between: &[L]) {
        self.finish();
        self.check(between, "closed by the peer");
    }

    /// Expects a hangup frame, closes, and checks the records of the call.
    pub(crate) fn hung_up<L: AsRef<str>>(&mut self, between: &[L], end: &str) {
        self.expect_hangup();
        self.close();
        self.check(between, end);
    }

    /// Waits for the records of this connection. Fails if there are others.
    pub(crate) fn transcript<L: AsRef<str>>(&self, expected: &[L]) {
        let end = self.begin + expected.len();
        let last = expected.last().map_or("nothing", AsRef::as_ref);
        self.until(last, &|| self.transcripts.len(self.addr) >= end);
        let expected: Vec<_> = expected.iter().map(AsRef::as_ref).collect();
        let records = self.records();
        let mut pairs = records.iter().zip(&expected);
        if let Some(place) = pairs.position(|(record, expected)| record != expected) {
            panic!(
                "record {place} is {:?} and not {:?}, in {records:#?}",
                records[place], expected[place]
            );
        }
        let more = records.get(expected.len()..).unwrap_or_default();
        assert!(more.is_empty(), "more records: {more:#?}");
        self.transcripts.set_expected(self.addr, end);
    }

    /// Waits for the only record of this connection, which begins with `start`.
    pub(crate) fn one_record(&self, start: &str) {
        self.until(start, &|| !self.records().is_empty());
        let records = self.records();
        assert!(
            records.len() == 1 && records[0].starts_with(start),
            "{records:#?}"
        );
        self.transcripts.set_expected(self.addr, self.begin + 1);
    }

    /// Returns the handle of the call, which must have started.
    pub(crate) fn handle(&self) -> CallHandle {
        self.transcripts.handle(self.addr).unwrap()
    }

    /// Returns the records of this connection so far.
    fn records(&self) -> Vec<String> {
        self.transcripts.lines(self.addr).split_off(self.begin)
    }

    /// Fills `buffer` with received bytes.
    fn fill(&mut self, buffer: &mut [u8]) {
        let mut len = 0;
        while len < buffer.len() {
            let read = self.socket().receive(&mut buffer[len..]).unwrap();
            assert!(
                read > 0,
                "the stream ended after {len} of {} bytes",
                buffer.len()
            );
            len += read;
        }
    }

    fn until(&self, what: &str, holds: &dyn Fn() -> bool) {
        let reached = self.env.until(holds);
        assert!(reached, "waited for {what:?}, found {:#?}", self.records());
    }

    fn socket(&mut self) -> &mut dyn PeerSocket {
        &mut **self.socket.as_mut().unwrap()
    }
}
