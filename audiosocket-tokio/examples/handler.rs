//! State for each call, admission, key presses and an orderly shutdown: callers hear themselves, `*`
//! mutes and unmutes, `#` hangs up. Ctrl-C shuts the server down, and gives the calls ten seconds.
//!
//! ```sh
//! cargo run -p audiosocket-tokio --example handler -- 127.0.0.1:9092
//! ```

use std::time::Duration;

use audiosocket_tokio::{
    Audio, Call, CallRequest, DtmfDigit, End, Exception, Handler, Refusal, Response, Server,
};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let addr = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:9092".to_owned());
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

/// Accepts every call with a real UUID.
fn accept(request: &CallRequest<'_>) -> Result<Caller, Refusal> {
    if request.uuid.is_nil() {
        return Err(Refusal::new("a UUID of zeros is a dialplan without one"));
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
        let Self { loudest, .. } = self;
        println!(
            "{}: {end}, {frames} frames, loudest sample {loudest}",
            call.uuid()
        );
    }
}
