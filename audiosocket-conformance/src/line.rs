use std::net::SocketAddr;
use std::rc::Rc;

use audiosocket_server::CallHandle;

use crate::frames::{HANGUP, MINUTE};
use crate::transcript::{Page, Transcripts};
use crate::world::{Fault, Wire, World};

/// One connection of a script: what it sends, what must come back, and what the server's handler
/// must have been told of it. Dropping it closes it.
pub(crate) struct Line {
    /// `None` once closed.
    wire: Option<Box<dyn Wire>>,
    world: Rc<dyn World>,
    transcripts: Transcripts,
    addr: SocketAddr,
    /// Where this connection's lines begin, should its address have been used before.
    begin: usize,
}

impl Line {
    pub(crate) fn new(
        wire: Box<dyn Wire>,
        addr: SocketAddr,
        world: &Rc<dyn World>,
        transcripts: &Transcripts,
    ) -> Self {
        Self {
            wire: Some(wire),
            world: Rc::clone(world),
            transcripts: transcripts.clone(),
            addr,
            begin: transcripts.with(addr, |page| page.claimed),
        }
    }

    /// Sends bytes, in one write.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.wire().send(bytes).unwrap();
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
        let read = self.wire().receive(&mut more).unwrap();
        assert_eq!(more[..read], [], "in place of the end");
    }

    /// The server hangs up, and says nothing else.
    pub(crate) fn expect_hangup(&mut self) {
        self.expect(&HANGUP);
        self.expect_end();
    }

    /// Closes the sending side only.
    pub(crate) fn half_close(&mut self) {
        self.wire().half_close();
    }

    /// Closes, as Asterisk ends a call. What came and was not read would make that a reset.
    pub(crate) fn close(&mut self) {
        drop(self.wire.take());
    }

    /// Closes with a reset.
    pub(crate) fn reset(&mut self) {
        self.wire.take().unwrap().reset();
    }

    /// The server closes its side for good, though this side stays open. The call is over already,
    /// for on a real socket it takes bytes to find out.
    pub(crate) fn gone(&mut self) {
        self.wire().gone();
    }

    /// The same, and until then it is sent this again and again.
    pub(crate) fn flood(&mut self, bytes: &[u8]) {
        self.wire().flood(bytes);
    }

    pub(crate) fn fail(&mut self, fault: Fault) {
        self.wire().fail(fault);
    }

    /// Waits until the handler has been told this.
    pub(crate) fn told(&self, line: &str) {
        let begin = self.begin;
        self.until(line, &|page| {
            page.lines[begin..].iter().any(|told| told == line)
        });
    }

    /// Nothing has been told so far.
    pub(crate) fn told_nothing(&self) {
        let told = self
            .transcripts
            .with(self.addr, |page| page.lines[self.begin..].to_vec());
        assert!(told.is_empty(), "told already: {told:#?}");
    }

    /// Waits until the handler has been given this many orders of which it writes nothing.
    pub(crate) fn unwritten(&self, count: usize) {
        self.until("unwritten orders", &|page| page.unwritten >= count);
    }

    /// All that the handler is ever told of this connection.
    pub(crate) fn transcript<L: AsRef<str>>(&self, lines: &[L]) {
        let end = self.begin + lines.len();
        let last = lines.last().map_or("nothing", AsRef::as_ref);
        self.until(last, &|page| page.lines.len() >= end);
        self.transcripts.with(self.addr, |page| {
            let due: Vec<_> = lines.iter().map(AsRef::as_ref).collect();
            let told = &page.lines[self.begin..];
            let wrong = told.iter().zip(&due).position(|(told, due)| told != due);
            if let Some(place) = wrong {
                panic!(
                    "line {place} is {:?} in place of {:?}, in {told:#?}",
                    told[place], due[place]
                );
            }
            assert_eq!(
                told.len(),
                due.len(),
                "told more: {:#?}",
                &told[due.len()..]
            );
            page.claimed = end;
        });
    }

    /// Reaches the call from elsewhere; the call has begun.
    pub(crate) fn handle(&self) -> CallHandle {
        let handle = self.transcripts.with(self.addr, |page| page.handle.clone());
        handle.unwrap()
    }

    /// Waits for so many bytes.
    fn fill(&mut self, buffer: &mut [u8]) {
        let mut len = 0;
        while len < buffer.len() {
            let read = self.wire().receive(&mut buffer[len..]).unwrap();
            assert!(read > 0, "{len} of {} bytes and then the end", buffer.len());
            len += read;
        }
    }

    fn until(&self, what: &str, holds: &dyn Fn(&Page) -> bool) {
        let look = || self.transcripts.with(self.addr, |page| holds(page));
        if !self.world.until(&look) {
            let told = self.transcripts.with(self.addr, |page| page.lines.clone());
            panic!("waited in vain for {what:?}; told was {told:#?}");
        }
    }

    fn wire(&mut self) -> &mut dyn Wire {
        &mut **self.wire.as_mut().unwrap()
    }
}
