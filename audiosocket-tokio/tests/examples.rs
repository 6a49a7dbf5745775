//! The logic of the examples, in memory. `.ci/examples` runs them as programs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use audiosocket_proto::client::{ClientEnd, ClientEvent, ClientSession};
use audiosocket_proto::{Decoder, Timestamp, Transmit};
use audiosocket_server::{Acceptor, CallDriver, CallRequest, Calls};
use audiosocket_tokio::config::SessionConfig;
use audiosocket_tokio::{Bytes, SampleRate, Uuid};

#[path = "../examples/play_wav.rs"]
#[allow(dead_code, reason = "the test does not use its `main`")]
mod play_wav;
#[path = "../examples/recogniser.rs"]
#[allow(dead_code, reason = "the test does not use its `main`")]
mod recogniser;

use recogniser::{Energy, Piece, QUEUE, Recogniser, Speech, listener};

#[test]
fn the_prompt_is_complete_for_each_frame_size_of_the_caller() {
    let prompt: Bytes = (0..20_001_i16).flat_map(i16::to_le_bytes).collect();
    for rate in SampleRate::ALL {
        let mut call = Caller::new(play_wav::player(prompt.clone()), rate);
        for len in [2, 3, 320, 480, 1, 640, 65_535].into_iter().cycle() {
            if call.end.is_some() {
                break;
            }
            call.say(&vec![0; len]);
            call.wait(Duration::from_millis(30));
        }
        assert_eq!(call.end, Some(ClientEnd::ServerHungUp));
        let (heard, padding) = call.heard.split_at(prompt.len());
        assert!(heard == prompt, "at {rate}");
        assert_eq!(padding, [0; 318], "silence fills the last frame");
    }
}

#[test]
fn the_prompt_keeps_its_schedule_while_the_caller_is_silent() {
    let prompt = Bytes::from(vec![1; 16_000]);
    let mut call = Caller::new(play_wav::player(prompt), SampleRate::Hz44100);
    call.connect();
    for frame in 1..=50 {
        assert_eq!(call.heard.len(), frame * 320);
        assert_eq!(call.end, None);
        call.wait(Duration::from_millis(20));
    }
    assert_eq!(call.heard.len(), 16_000);
    assert_eq!(call.end, Some(ClientEnd::ServerHungUp));
}

#[tokio::test]
async fn speech_is_found_between_silences() {
    let mut energy = Energy::default();
    let mut speech = Vec::new();
    for number in 0..200_u64 {
        let at = Duration::from_millis(20 * number);
        // A pause of 200 ms does not end the speech.
        let loud = (60..117).contains(&number) && !(80..90).contains(&number) || number > 190;
        let slin = Bytes::from(if loud { vec![0x11; 320] } else { vec![0; 320] });
        let rate = SampleRate::Hz8000;
        speech.extend(energy.hear(Piece { at, rate, slin }).await);
    }
    speech.extend(energy.finish().await);
    let ms = Duration::from_millis;
    assert_eq!(
        speech,
        [
            Speech {
                from: ms(1200),
                to: ms(2340)
            },
            Speech {
                from: ms(3820),
                to: ms(4000)
            },
        ]
    );
}

#[tokio::test]
async fn a_slow_recogniser_does_not_delay_the_call() {
    let (listener, mut pieces) = listener();
    let listener = Mutex::new(Some(listener));
    let accept = move |_: &CallRequest<'_>| Ok(listener.lock().unwrap().take().unwrap());
    let mut call = Caller::new(accept, SampleRate::Hz16000);
    for _ in 0..QUEUE + 50 {
        call.say(&[1; 640]);
    }
    assert_eq!(call.heard.len(), (QUEUE + 50) * 640);
    drop(call);
    let mut taken = 0;
    while let Some(piece) = pieces.recv().await {
        assert_eq!(piece.at, Duration::from_millis(20 * taken));
        taken += 1;
    }
    assert_eq!(taken, QUEUE as u64);
}

/// A caller and a server that are connected in memory.
struct Caller<A: Acceptor> {
    asterisk: ClientSession,
    decoder: Decoder,
    server: CallDriver<A>,
    now: Timestamp,
    heard: Vec<u8>,
    end: Option<ClientEnd>,
}

impl<A: Acceptor> Caller<A> {
    fn new(acceptor: A, rate: SampleRate) -> Self {
        let config = SessionConfig::default();
        let acceptor = Arc::new(acceptor);
        let now = Timestamp::ZERO;
        Self {
            asterisk: ClientSession::new(Uuid::from_u128(1), rate),
            decoder: Decoder::new(),
            server: CallDriver::new(acceptor, "test".into(), config, &Calls::default(), now),
            now,
            heard: Vec::new(),
            end: None,
        }
    }

    fn say(&mut self, audio: &[u8]) {
        self.asterisk.send_audio(audio).unwrap();
        self.connect();
    }

    /// Sends the waiting bytes. The first ones are the UUID.
    fn connect(&mut self) {
        let Transmit::Bytes(bytes) = self.asterisk.poll_transmit() else {
            unreachable!("the client has bytes to send");
        };
        self.server.receive(self.now, bytes);
        let len = bytes.len();
        self.asterisk.transmitted(len);
        self.hear();
    }

    /// Moves the clock by `time`.
    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.server.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.server.handle_timeout(self.now);
            self.hear();
        }
        self.now = until;
    }

    fn hear(&mut self) {
        let Transmit::Bytes(mut bytes) = self.server.poll_transmit() else {
            return;
        };
        let len = bytes.len();
        while let Some(event) = self.asterisk.receive(&mut self.decoder, &mut bytes) {
            match event {
                ClientEvent::Audio(audio) => self.heard.extend_from_slice(&audio),
                ClientEvent::Ended(end) => self.end = Some(end),
                _ => {}
            }
        }
        self.server.transmitted(self.now, len);
    }
}
