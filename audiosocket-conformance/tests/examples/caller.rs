use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use audiosocket_proto::client::{ClientEnd, ClientEvent, ClientSession};
use audiosocket_proto::{Decoder, DtmfDigit, SampleRate, Transmit, Uuid};

/// What cannot take so long has failed.
const DEADLINE: Duration = Duration::from_secs(120);

/// A caller at the other end of Asterisk.
pub(crate) struct Caller<S = TcpStream> {
    pub(crate) stream: S,
    asterisk: ClientSession,
    decoder: Decoder,
    rate: SampleRate,
    /// In samples of 8 kHz: of what came at a higher rate, every second, third and so on.
    pub(crate) heard: Vec<i16>,
    /// At which the last frame came.
    pub(crate) heard_at: Option<SampleRate>,
    end: Option<ClientEnd>,
}

impl Caller {
    /// Calls, with audio of this rate.
    pub(crate) fn call(addr: SocketAddr, uuid: Uuid, rate: SampleRate) -> Self {
        Self::over(connect(addr), uuid, rate)
    }

    /// Hangs up, and reads what still comes: who closes with audio unread resets the connection.
    pub(crate) fn hang_up(mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
        io::copy(&mut self.stream, &mut io::sink()).unwrap();
    }
}

/// A connection on which waiting too long is an error.
pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

impl<S: Read + Write> Caller<S> {
    /// Calls over this stream, with audio of this rate.
    pub(crate) fn over(stream: S, uuid: Uuid, rate: SampleRate) -> Self {
        let mut caller = Self {
            stream,
            asterisk: ClientSession::new(uuid, rate),
            decoder: Decoder::new(),
            rate,
            heard: Vec::new(),
            heard_at: None,
            end: None,
        };
        caller.send();
        caller
    }

    /// Says all of this at once, in frames of 20 ms.
    pub(crate) fn say(&mut self, samples: &[i16]) {
        let slin: Vec<u8> = samples.iter().flat_map(|at| at.to_le_bytes()).collect();
        let frame = 2 * self.rate.samples_in(Duration::from_millis(20)) as usize;
        for frame in slin.chunks(frame) {
            self.asterisk.send_audio(frame).unwrap();
        }
        self.send();
    }

    pub(crate) fn press(&mut self, keys: &str) {
        for key in keys.bytes() {
            let digit = DtmfDigit::new(key).unwrap();
            self.asterisk.send_dtmf(digit).unwrap();
        }
        self.send();
    }

    /// Listens until what was heard so far is `enough`.
    pub(crate) fn listen_until(&mut self, enough: impl Fn(&[i16]) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !enough(&self.heard) {
            assert_eq!(self.end, None, "too early");
            assert!(Instant::now() < deadline, "not heard in {DEADLINE:?}");
            self.receive();
        }
    }

    /// Says this, none of it silence, to a server that is to send all of it back, and silence between.
    pub(crate) fn hear_back(&mut self, samples: &[i16]) {
        self.heard.clear();
        self.say(samples);
        let echo = |heard: &[i16]| {
            heard
                .iter()
                .filter(|at| **at != 0)
                .copied()
                .collect::<Vec<_>>()
        };
        self.listen_until(|heard| echo(heard).len() >= samples.len());
        assert!(echo(&self.heard) == samples, "something else came back");
    }

    /// Listens until the server hangs up; what was heard.
    pub(crate) fn listen_to_the_end(mut self) -> Vec<i16> {
        self.listen_to_the_hangup();
        self.heard
    }

    /// Listens until the server hangs up.
    pub(crate) fn listen_to_the_hangup(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        while self.end.is_none() {
            assert!(Instant::now() < deadline, "not hung up after {DEADLINE:?}");
            self.receive();
        }
        assert_eq!(self.end, Some(ClientEnd::ServerHungUp));
    }

    fn send(&mut self) {
        let Transmit::Bytes(bytes) = self.asterisk.poll_transmit() else {
            panic!("there is something to send");
        };
        self.stream.write_all(bytes).unwrap();
        let len = bytes.len();
        self.asterisk.transmitted(len);
    }

    fn receive(&mut self) {
        let mut buffer = [0; 4096];
        let len = self.stream.read(&mut buffer).unwrap();
        let mut bytes = &buffer[..len];
        if len == 0 {
            let ended = self.asterisk.handle_eof(&self.decoder);
            if let Some(ClientEvent::Ended(end)) = ended {
                self.end = Some(end);
            }
        }
        while let Some(event) = self.asterisk.receive(&mut self.decoder, &mut bytes) {
            match event {
                ClientEvent::Audio(audio) => {
                    let every = (audio.rate().hz() / 8_000) as usize;
                    self.heard.extend(audio.samples().step_by(every));
                    self.heard_at = Some(audio.rate());
                }
                ClientEvent::Ended(end) => self.end = Some(end),
                _ => {}
            }
        }
    }
}
