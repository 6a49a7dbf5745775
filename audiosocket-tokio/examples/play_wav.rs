//! Plays a WAV file to every caller, and hangs up at its end: 8 kHz, mono, 16 bits. Without a file
//! it plays a tone of two seconds.
//!
//! Each piece of the caller's audio is answered by as much of the file. So the caller's clock is
//! the clock: nothing is sent ahead, and no timer is needed.
//!
//! ```sh
//! cargo run -p audiosocket-tokio --example play_wav -- 127.0.0.1:9092 prompt.wav
//! ```

use std::fs::File;
use std::io::{self, BufReader, Read};

use audiosocket_tokio::{
    Audio, Bytes, Call, CallRequest, End, Handler, Refusal, Response, SampleRate, Server,
    ServerOptions,
};

const RATE: SampleRate = SampleRate::Hz8000;

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let prompt = match args.next() {
        Some(path) => read(BufReader::new(File::open(path)?))?,
        None => tone(),
    };
    let options = ServerOptions::new().bind(addr);
    let server = Server::start(player(prompt), options).await?;
    for addr in server.local_addrs() {
        println!("listening on {addr}");
    }
    server.serve_forever().await
}

/// Plays `prompt` to every call. It is in memory once, however many hear it.
pub(crate) fn player(
    prompt: Bytes,
) -> impl Fn(&CallRequest<'_>) -> Result<Player, Refusal> + Send + Sync + 'static {
    move |_| {
        Ok(Player {
            rest: prompt.clone(),
            heard: 0,
            played: 0,
        })
    }
}

/// What one caller has still to hear.
pub(crate) struct Player {
    rest: Bytes,
    /// Samples that the caller sent, at the caller's rate.
    heard: u64,
    /// Samples that were played.
    played: u64,
}

impl Handler for Player {
    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        self.heard += audio.samples().len() as u64;
        // From the beginning of the call, so that what is rounded off does not add up.
        let due = RATE.samples_in(audio.rate().duration_of(self.heard));
        let len = 2 * (due - self.played) as usize;
        if len >= self.rest.len() {
            call.hangup();
        }
        let piece = self.rest.split_to(len.min(self.rest.len()));
        self.played += piece.len() as u64 / 2;
        // A piece of no bytes would hang up, which is not meant when the caller's was too short
        // for a sample of ours.
        (!piece.is_empty()).then_some(piece).into()
    }

    fn on_end(&mut self, call: &mut Call<'_>, end: End) {
        let played = RATE.duration_of(self.played).as_secs_f64();
        println!("{}: {end} after {played:.2} s", call.uuid());
    }
}

/// The samples of a WAV file as they go over the wire.
pub(crate) fn read(wav: impl Read) -> io::Result<Bytes> {
    let reader = hound::WavReader::new(wav).map_err(io::Error::other)?;
    let spec = reader.spec();
    let format = (spec.sample_rate, spec.channels, spec.bits_per_sample);
    if format != (RATE.hz(), 1, 16) {
        let (hz, channels, bits) = format;
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{hz} Hz, {channels} channels, {bits} bits, where 8000 Hz, 1, 16 are needed"),
        ));
    }
    let mut slin = Vec::new();
    for sample in reader.into_samples::<i16>() {
        slin.extend(sample.map_err(io::Error::other)?.to_le_bytes());
    }
    Ok(slin.into())
}

/// 440 Hz for two seconds.
fn tone() -> Bytes {
    let samples = 0..2 * RATE.hz();
    let phases = samples.map(|sample| f64::from(sample) * 440.0 / f64::from(RATE.hz()));
    let samples = phases.map(|phase| ((phase * std::f64::consts::TAU).sin() * 8_000.0) as i16);
    samples.flat_map(i16::to_le_bytes).collect()
}
