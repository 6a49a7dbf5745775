use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use audiosocket_proto::client::{ClientEnd, ClientEvent, ClientSession};
use audiosocket_proto::{Decoder, DtmfDigit, SampleRate, Transmit, Uuid};

/// After this time a wait fails.
const DEADLINE: Duration = Duration::from_secs(120);

/// A caller, with Asterisk between the caller and the server.
pub(crate) struct Caller<S = TcpStream> {
    pub(crate) stream: S,
    asterisk: ClientSession,
    decoder: Decoder,
    rate: SampleRate,
    /// The received audio, as samples of 8 kHz. At a higher rate it has every second sample, every third and so on.
    pub(crate) heard: Vec<i16>,
    /// The sample rate of the last frame.
    pub(crate) heard_at: Option<SampleRate>,
    end: Option<ClientEnd>,
}

impl Caller {
    /// Places a call with audio at `rate`.
    pub(crate) fn call(addr: SocketAddr, uuid: Uuid, rate: SampleRate) -> Self {
        Self::over(connect(addr), uuid, rate)
    }

    /// Hangs up, and reads the last audio. Closing a socket with unread audio would reset the connection.
    pub(crate) fn hang_up(mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
        io::copy(&mut self.stream, &mut io::sink()).unwrap();
    }
}

/// Connects. Reads and writes fail after the deadline.
pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

impl<S: Read + Write> Caller<S> {
    /// Places a call over `stream`, with audio at `rate`.
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

    /// Sends all samples at once, in frames of 20 ms.
    pub(crate) fn say(&mut self, samples: &[i16]) {
        let slin: Vec<u8> = samples.iter().flat_map(|at| at.to_le_bytes()).collect();
        let frame = 2 * self.rate.samples_in(Duration::from_millis(20)) as usize;
        for frame in slin.chunks(frame) {
            self.asterisk.send_audio(frame).unwrap();
        }
        self.send();
    }

    /// Receives audio, which has 8 kHz. For each 20 ms of it, sends what `answer` makes of it, until that returns `None`. So
    /// the caller speaks in real time.
    pub(crate) fn converse(&mut self, mut answer: impl FnMut(&[i16]) -> Option<Vec<i16>>) {
        let mut answered = self.heard.len();
        loop {
            self.listen_until(|heard| heard.len() >= answered + 160);
            let Some(said) = answer(&self.heard[answered..][..160]) else {
                return;
            };
            answered += 160;
            self.say(&said);
        }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        for key in keys.bytes() {
            let digit = DtmfDigit::new(key).unwrap();
            self.asterisk.send_dtmf(digit).unwrap();
        }
        self.send();
    }

    /// Receives audio until `enough` returns true for all of it.
    pub(crate) fn listen_until(&mut self, enough: impl Fn(&[i16]) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !enough(&self.heard) {
            assert_eq!(self.end, None, "the call ended too early");
            assert!(
                Instant::now() < deadline,
                "the audio did not come in {DEADLINE:?}"
            );
            self.receive();
        }
    }

    /// Sends samples without zeros, and waits for their echo. Between them the server may send silence.
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
        assert!(
            echo(&self.heard) == samples,
            "the echo differs from the audio"
        );
    }

    /// Receives audio until the server hangs up, and returns all of it.
    pub(crate) fn listen_to_the_end(mut self) -> Vec<i16> {
        self.listen_to_the_hangup();
        self.heard
    }

    /// Receives audio until the server hangs up.
    pub(crate) fn listen_to_the_hangup(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        while self.end.is_none() {
            assert!(
                Instant::now() < deadline,
                "the server did not hang up in {DEADLINE:?}"
            );
            self.receive();
        }
        assert_eq!(self.end, Some(ClientEnd::ServerHungUp));
    }

    fn send(&mut self) {
        let Transmit::Bytes(bytes) = self.asterisk.poll_transmit() else {
            panic!("no bytes to send");
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
