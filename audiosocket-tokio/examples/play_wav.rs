//! Plays a WAV file, of any rate, width and number of channels, to every caller, and hangs up at its end.
//! Without a file it plays a tone of two seconds.
//!
//! The file is queued whole, once, when the call begins. From there the call's playout sends it,
//! 20 ms every 20 ms; nothing here needs a timer, or a caller who speaks.
//!
//! ```sh
//! cargo run -p audiosocket-tokio --example play_wav -- 127.0.0.1:9092 prompt.wav
//! ```

use std::error::Error;
use std::time::Duration;

use audiosocket_media::file::AudioReader;
use audiosocket_media::{pcm, tone};
use audiosocket_tokio::{Bytes, Call, CallRequest, End, Handler, Refusal, SampleRate, Server};

/// What every call takes. Asterisk converts for callers who have more; for them, play 16 kHz.
const RATE: SampleRate = SampleRate::Hz8000;

/// No longer file is read, since it is held in memory: 16 kB a second.
const LONGEST: Duration = Duration::from_secs(600);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let samples = match args.next() {
        Some(path) => AudioReader::open(path)?.read_all(RATE, LONGEST)?,
        None => tone(RATE, 440, Duration::from_secs(2)),
    };
    let mut prompt = Vec::new();
    pcm::to_slin(&samples, &mut prompt);

    let builder = Server::builder().bind(addr);
    let server = builder.start(player(prompt.into())).await?;
    for addr in server.local_addrs() {
        println!("listening on {addr}");
    }
    let handle = server.handle();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            handle.shutdown(Duration::from_secs(10));
        }
    });
    Ok(server.serve_forever().await?)
}

/// Plays `prompt` to every call. It is in memory once, however many hear it.
pub(crate) fn player(
    prompt: Bytes,
) -> impl Fn(&CallRequest<'_>) -> Result<Player, Refusal> + Send + Sync + 'static {
    move |_| {
        Ok(Player {
            prompt: prompt.clone(),
        })
    }
}

/// One call.
pub(crate) struct Player {
    prompt: Bytes,
}

impl Handler for Player {
    fn on_start(&mut self, call: &mut Call<'_>) {
        if let Err(error) = call.try_play((RATE, self.prompt.clone())) {
            eprintln!("{}: {error}", call.uuid());
        }
        call.hangup_after_playout();
    }

    fn on_end(&mut self, call: &mut Call<'_>, end: End) {
        let frames = call.stats().playout.frames;
        let played = RATE.duration_of(160 * frames).as_secs_f64();
        println!("{}: {end} after {played:.2} s", call.uuid());
    }
}
