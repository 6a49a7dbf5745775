//! A bot that knows the caller and the language before the call, and refuses every call that it does not expect. The
//! page `expected_calls` of this crate explains it.
//!
//! Asterisk sends an AGI request (see `agi.rs`), which announces the call. Then it calls with the UUID from the
//! answer:
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
//! ```

mod agi;

use std::io;

use audiosocket_tokio::admission::{AllowList, ExpectedCalls};
use audiosocket_tokio::{CallEvent, IncomingCall, SampleRate, SendError, Server};
use tokio::net::TcpListener;

use agi::Caller;

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let agi_addr = args.next().unwrap_or_else(|| "127.0.0.1:4573".to_owned());

    // A peer that reaches the AGI port can announce, so the list is for both ports.
    let asterisk: AllowList = "127.0.0.0/8,::1".parse().map_err(io::Error::other)?;
    let expected = ExpectedCalls::new();

    let agi = TcpListener::bind(agi_addr).await?;
    let builder = Server::builder()
        .bind(addr)
        .allow_list(asterisk.clone())
        .expected_calls(&expected);
    let server = builder.listen().await?;
    for addr in server.local_addrs() {
        println!("listening on {addr}");
    }
    println!("AGI on {}", agi.local_addr()?);
    tokio::spawn(agi::listen(agi, asterisk, expected));
    server.serve_calls(talk).await
}

async fn talk(mut call: IncomingCall) -> Result<(), SendError> {
    let Some(caller) = call.metadata::<Caller>() else {
        return Ok(());
    };
    // Escaped, since the caller may choose the number.
    let number = caller
        .number
        .as_deref()
        .unwrap_or("a caller without a number");
    println!("{}: {number:?} speaks {:?}", call.uuid(), caller.language);

    call.play((SampleRate::Hz8000, greeting(&caller.language)))
        .await?;
    while let Some(event) = call.next().await {
        match event {
            CallEvent::Dtmf(_) => call.hangup(),
            CallEvent::Ended(end) => println!("{}: {end}", call.uuid()),
            _ => {}
        }
    }
    Ok(())
}

/// Replace it with your recordings, one for each language: half a second of a tone, lower in German.
fn greeting(language: &str) -> Vec<u8> {
    let half_a_period = if language.starts_with("de") { 10 } else { 5 };
    let sample = |at: i16| {
        if at / half_a_period % 2 == 0 {
            4000
        } else {
            -4000_i16
        }
    };
    (0..4000).map(sample).flat_map(i16::to_le_bytes).collect()
}
