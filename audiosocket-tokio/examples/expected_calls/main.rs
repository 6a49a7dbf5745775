//! A bot that knows the number and the language of a caller before the call, and refuses all other calls. The page
//! `expected_calls` of this crate explains how.
//!
//! The dialplan sends an AGI request, which announces the call (see `agi.rs`). It then places the call with the UUID
//! from the answer:
//!
//! ```ini
//! exten = 100,1,Answer()
//!  same = n,Set(AUDIOSOCKET_UUID=)
//!  same = n,AGI(agi://127.0.0.1)
//!  same = n,GotoIf($["${AUDIOSOCKET_UUID}" = ""]?busy)
//!  same = n,AudioSocket(${AUDIOSOCKET_UUID},127.0.0.1:9092)
//!  same = n,Hangup()
//!  same = n(busy),Busy(5)
//! ```
//!
//! ```sh
//! cargo run -p audiosocket-tokio --example expected_calls -- 127.0.0.1:9092 127.0.0.1:4573
//! # Without Asterisk, in another terminal: announce a call, and place it with the UUID that the server prints.
//! printf 'agi_callerid: 123\nagi_language: de\n\n200 result=1\n' | nc -q 1 127.0.0.1 4573
//! cargo run --release -p audiosocket-cli -- call 127.0.0.1:9092 --expect any --uuid UUID
//! ```

mod agi;
#[path = "../shutdown/mod.rs"]
mod shutdown;

use std::io;
use std::time::Duration;

use audiosocket_media::tone;
use audiosocket_tokio::admission::{AllowList, ExpectedCalls};
use audiosocket_tokio::{AudioBuf, CallEvent, IncomingCall, SampleRate, SendError, Server};
use tokio::net::TcpListener;

use agi::Caller;

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or("127.0.0.1:9092".into());
    let agi_addr = args.next().unwrap_or("127.0.0.1:4573".into());

    // A peer that reaches the AGI port can announce calls, so the allow list is for both ports.
    let asterisk: AllowList = "127.0.0.0/8,::1".parse().map_err(io::Error::other)?;
    let expected = ExpectedCalls::new();

    let agi = TcpListener::bind(agi_addr).await?;
    let builder = Server::builder()
        .bind(addr)
        .allow_list(asterisk.clone())
        .expected_calls(&expected);
    let server = builder.listen().await?;
    shutdown::on_signal(server.handle())?;
    println!("listening on {}", server.local_addrs()[0]);
    println!("AGI on {}", agi.local_addr()?);
    tokio::spawn(agi::listen(agi, asterisk, expected));
    server.serve_calls(talk).await
}

async fn talk(mut call: IncomingCall) -> Result<(), SendError> {
    let Some(caller) = call.metadata::<Caller>() else {
        return Ok(());
    };
    // Escaped with `:?`, because a caller can choose the number.
    let number = caller.number.as_deref().unwrap_or("unknown");
    println!("{}: {number:?} speaks {:?}", call.uuid(), caller.language);

    call.play(greeting(&caller.language)).await?;
    while let Some(event) = call.next().await {
        match event {
            CallEvent::Dtmf(_) => call.hangup(),
            CallEvent::Ended(end) => println!("{}: {end}", call.uuid()),
            _ => {}
        }
    }
    Ok(())
}

/// Replace it with your recordings, one for each language. This is a tone of half a second, lower in German.
fn greeting(language: &str) -> AudioBuf {
    let hz = if language.starts_with("de") { 400 } else { 800 };
    let rate = SampleRate::Hz8000;
    AudioBuf::from_samples(rate, &tone(rate, hz, Duration::from_millis(500)))
}
