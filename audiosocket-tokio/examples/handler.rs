//! A handler: state for each call, admission and key presses. Callers hear their own voice. The key `*` mutes and
//! unmutes it, and `#` hangs up.
//!
//! ```sh
//! cargo run -p audiosocket-tokio --example handler -- 127.0.0.1:9092
//! # Without a phone, in another terminal: a call that presses `#` after the other keys.
//! cargo run --release -p audiosocket-cli -- call 127.0.0.1:9092 --expect any --dtmf '**#'
//! ```

mod shutdown;

use audiosocket_tokio::{
    Audio, Call, CallRequest, DtmfDigit, End, Exception, Handler, Refusal, Response, Server,
};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:9092".into());
    let server = Server::builder().bind(addr).start(accept).await?;
    shutdown::on_signal(server.handle())?;
    println!("listening on {}", server.local_addrs()[0]);
    server.serve_forever().await
}

/// Accepts every call, except for calls without a UUID of their own.
fn accept(request: &CallRequest<'_>) -> Result<Caller, Refusal> {
    if request.uuid.is_nil() {
        return Err(Refusal::new(
            "the UUID is all zeros: set one in the dialplan",
        ));
    }
    Ok(Caller::default())
}

#[derive(Default)]
struct Caller {
    muted: bool,
    loudest: u16,
}

impl Handler for Caller {
    fn on_start(&mut self, call: &mut Call<'_>) {
        println!("{} from {}", call.uuid(), call.peer());
    }

    fn on_audio<'a>(&mut self, _call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        let loudest = audio.samples().map(i16::unsigned_abs).max();
        self.loudest = self.loudest.max(loudest.unwrap_or(0));
        if self.muted {
            Response::Nothing
        } else {
            audio.into()
        }
    }

    fn on_dtmf(&mut self, _call: &mut Call<'_>, digit: DtmfDigit) -> Response<'static> {
        match digit.as_char() {
            '*' => self.muted = !self.muted,
            '#' => return Response::Hangup,
            _ => {}
        }
        Response::Nothing
    }

    fn on_exception(&mut self, call: &mut Call<'_>, error: &Exception) {
        eprintln!("{}: {error}", call.uuid());
    }

    fn on_end(&mut self, call: &mut Call<'_>, end: End) {
        let frames = call.stats().session.audio_frames_received;
        let (uuid, loudest) = (call.uuid(), self.loudest);
        println!("{uuid}: {end}, {frames} frames, loudest sample {loudest}");
    }
}
