//! Streams every call to a speech recogniser that runs apart from it, and prints its results. Callers hear
//! themselves meanwhile.
//!
//! A callback must not wait, and a recogniser may be slow, or far away. So there is a queue between
//! them, of two seconds. What does not fit is dropped and counted: late audio would make everything
//! after it late.
//!
//! ```sh
//! cargo run -p audiosocket-tokio --example recogniser -- 127.0.0.1:9092
//! ```

use std::io;
use std::time::Duration;

use audiosocket_tokio::{
    Audio, Bytes, Call, CallRequest, End, Handler, Refusal, Response, SampleRate, Server, Uuid,
};
use tokio::sync::mpsc;

/// How many pieces may wait: two seconds, if a piece is 20 ms.
pub(crate) const QUEUE: usize = 100;

#[tokio::main]
async fn main() -> io::Result<()> {
    let addr = std::env::args().nth(1);
    let addr = addr.unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let server = Server::builder().bind(addr).start(accept).await?;
    for addr in server.local_addrs() {
        println!("listening on {addr}");
    }
    let handle = server.handle();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            handle.shutdown(Duration::from_secs(10));
        }
    });
    server.serve_forever().await
}

/// Accepts every call, and gives it a recogniser of its own.
fn accept(request: &CallRequest<'_>) -> Result<Listener, Refusal> {
    let (listener, pieces) = listener();
    tokio::spawn(recognise(request.uuid, pieces, Energy::default()));
    Ok(listener)
}

/// A piece of a caller's audio on its way to a recogniser.
pub(crate) struct Piece {
    /// When it begins, counted in the caller's audio.
    pub(crate) at: Duration,
    pub(crate) rate: SampleRate,
    pub(crate) slin: Bytes,
}

impl Piece {
    fn end(&self) -> Duration {
        self.at + self.rate.duration_of(self.slin.len() as u64 / 2)
    }
}

/// The call's end of the queue.
pub(crate) struct Listener {
    pieces: mpsc::Sender<Piece>,
    /// Samples so far.
    heard: u64,
    dropped: u64,
}

pub(crate) fn listener() -> (Listener, mpsc::Receiver<Piece>) {
    let (pieces, receiver) = mpsc::channel(QUEUE);
    let listener = Listener {
        pieces,
        heard: 0,
        dropped: 0,
    };
    (listener, receiver)
}

impl Handler for Listener {
    fn on_audio<'a>(&mut self, _call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        let piece = Piece {
            at: audio.rate().duration_of(self.heard),
            rate: audio.rate(),
            slin: Bytes::copy_from_slice(&audio),
        };
        self.heard += audio.samples().len() as u64;
        if self.pieces.try_send(piece).is_err() {
            self.dropped += 1;
        }
        audio.into()
    }

    /// After this the queue is closed, by which the recogniser learns of the end.
    fn on_end(&mut self, call: &mut Call<'_>, end: End) {
        println!("{}: {end}, {} pieces dropped", call.uuid(), self.dropped);
    }
}

/// Gives a call to its recogniser, to the end.
async fn recognise(uuid: Uuid, mut pieces: mpsc::Receiver<Piece>, mut recogniser: impl Recogniser) {
    let print = |Speech { from, to }| {
        let (from, to) = (from.as_secs_f64(), to.as_secs_f64());
        println!("{uuid}: speech from {from:.2} s to {to:.2} s");
    };
    while let Some(piece) = pieces.recv().await {
        recogniser.hear(piece).await.map(print);
    }
    recogniser.finish().await.map(print);
}

/// A recogniser for one call. A real one sends the audio on, and returns text.
pub(crate) trait Recogniser: Send + 'static {
    /// Takes the next piece. May wait as long as it likes.
    fn hear(&mut self, piece: Piece) -> impl Future<Output = Option<Speech>> + Send;

    /// The call is over.
    fn finish(&mut self) -> impl Future<Output = Option<Speech>> + Send;
}

/// When the caller spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Speech {
    pub(crate) from: Duration,
    pub(crate) to: Duration,
}

/// A stand-in for a recogniser: loud audio is speech.
#[derive(Default)]
pub(crate) struct Energy {
    speech: Option<Speech>,
}

impl Energy {
    /// The root mean square above which a piece is loud; full scale is 32,768.
    const LOUD: f64 = 500.0;
    /// How long it has to be quiet for speech to be over.
    const PAUSE: Duration = Duration::from_millis(300);
}

impl Recogniser for Energy {
    async fn hear(&mut self, piece: Piece) -> Option<Speech> {
        let audio = Audio::new(piece.rate, &piece.slin);
        let squares = audio.samples().map(|sample| f64::from(sample).powi(2));
        let power = squares.sum::<f64>() / audio.samples().len().max(1) as f64;
        if power.sqrt() > Self::LOUD {
            let from = self.speech.map_or(piece.at, |speech| speech.from);
            let to = piece.end();
            self.speech = Some(Speech { from, to });
        }
        self.speech
            .take_if(|speech| piece.end() >= speech.to + Self::PAUSE)
    }

    async fn finish(&mut self) -> Option<Speech> {
        self.speech.take()
    }
}
