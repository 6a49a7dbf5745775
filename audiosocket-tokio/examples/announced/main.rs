//! A bot that knows who calls, and in which language, before the call comes; calls that it does not
//! expect it refuses. How and why: the page `announced_calls` of this crate.
//!
//! Asterisk asks it by AGI (see `agi.rs`), which announces the call, and then calls with the UUID
//! that it was told:
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
//! cargo run -p audiosocket-tokio --example announced -- 127.0.0.1:9092 127.0.0.1:4573
//! ```

mod agi;

use std::io;
use std::sync::Arc;

use audiosocket_tokio::{
    AllowList, CallEvent, ExpectedCalls, IncomingCall, SampleRate, SendError, Server,
    ServerOptions, incoming,
};
use tokio::net::TcpListener;

use agi::Caller;

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let agi_addr = args.next().unwrap_or_else(|| "127.0.0.1:4573".to_owned());

    // Whoever reaches the AGI port can announce, so the list is for both.
    let asterisk: AllowList = "127.0.0.0/8,::1".parse().map_err(io::Error::other)?;
    let announced = ExpectedCalls::new();

    let agi = TcpListener::bind(agi_addr).await?;
    let (acceptor, mut calls) = incoming();
    let acceptor = asterisk.clone().then(announced.clone().guard(acceptor));
    let server = Server::start(acceptor, ServerOptions::new().bind(addr)).await?;
    for addr in server.local_addrs() {
        println!("listening on {addr}");
    }
    println!("AGI on {}", agi.local_addr()?);
    tokio::spawn(agi::listen(agi, asterisk, announced.clone()));
    tokio::spawn(server.serve_forever());
    while let Some(call) = calls.accept().await {
        // Nothing if the caller has hung up already.
        if let Some(caller) = announced.metadata(call.uuid()) {
            tokio::spawn(talk(call, caller));
        }
    }
    Ok(())
}

async fn talk(mut call: IncomingCall, caller: Arc<Caller>) -> Result<(), SendError> {
    // Escaped, since it is the caller who chose what is in it.
    let number = caller.number.as_deref().unwrap_or("somebody");
    println!("{}: {number:?} speaks {:?}", call.uuid(), caller.language);

    call.handle()
        .play(SampleRate::Hz8000, greeting(&caller.language))?;
    while let Some(event) = call.next().await {
        match event {
            CallEvent::Dtmf(_) => call.handle().hangup(),
            CallEvent::Ended(end) => println!("{}: {end}", call.uuid()),
            _ => {}
        }
    }
    Ok(())
}

/// Stands in for your recordings, one for each language: half a second of a tone, lower in German.
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
