//! The part of FastAGI that announces a call.
//!
//! Asterisk connects and sends a description of the channel: lines such as `agi_callerid: 4930123456`, then an empty
//! line. The program sends a command that sets a channel variable. Asterisk answers `200 result=1`. It continues with
//! the dialplan when the connection closes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use audiosocket_tokio::admission::{AllowList, ExpectedCalls};
use audiosocket_tokio::{Peer, Uuid};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
    Split, split,
};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// How long a conversation may take. The caller hears silence during it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// How many bytes a conversation reads at most. Asterisk 22 sends about 500 bytes, and the arguments of the dialplan.
pub(crate) const LONGEST: u64 = 16 * 1024;

/// How many conversations go on at once at most. Further connections wait in the kernel.
const CONVERSATIONS: usize = 100;

/// The metadata of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) number: Option<String>,
    pub(crate) language: String,
}

/// Announces an expected call for each AGI request from the networks of `asterisk`.
pub(crate) async fn listen(
    listener: TcpListener,
    asterisk: AllowList,
    expected: ExpectedCalls<Caller>,
) {
    let places = Arc::new(Semaphore::new(CONVERSATIONS));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let (stream, peer) = match listener.accept().await {
            Ok((stream, peer)) => (stream, Peer::from(peer)),
            Err(error) => {
                // Most often the process has no descriptor left. The next attempt follows after a pause.
                eprintln!("AGI: {error}");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if !asterisk.allows(&peer) {
            continue;
        }
        let expected = expected.clone();
        tokio::spawn(async move {
            match converse(stream, &expected).await {
                Ok(uuid) => println!("{uuid}: announced"),
                Err(error) => eprintln!("AGI from {peer}: {error}"),
            }
            drop(place);
        });
    }
}

/// Announces the call of the AGI request on `stream`, and has Asterisk set the variable `AUDIOSOCKET_UUID`. After an
/// error the variable is not set.
pub(crate) async fn converse(
    stream: impl AsyncRead + AsyncWrite,
    expected: &ExpectedCalls<Caller>,
) -> io::Result<Uuid> {
    let (reading, mut writing) = split(stream);
    let mut lines = BufReader::new(reading.take(LONGEST)).split(b'\n');
    let conversation = async {
        let caller = caller(&mut lines).await?;
        let uuid = expected.announce(caller).map_err(io::Error::other)?;
        let command = format!("SET VARIABLE AUDIOSOCKET_UUID {uuid}\n");
        writing.write_all(command.as_bytes()).await?;
        match lines.next_segment().await? {
            Some(answer) if answer.starts_with(b"200 result=1") => Ok(uuid),
            // For example the answer HANGUP.
            _ => {
                expected.withdraw(uuid);
                Err(io::Error::other("the channel is gone"))
            }
        }
    };
    // After a timeout the announcement stays, and expires.
    timeout(PATIENCE, conversation).await?
}

async fn caller(lines: &mut Split<impl AsyncBufRead + Unpin>) -> io::Result<Caller> {
    let (mut number, mut language) = (None, None);
    while let Some(line) = lines.next_segment().await? {
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches('\r');
        if line.is_empty() {
            return Ok(Caller {
                number: number.filter(|number| number != "unknown"),
                language: language.unwrap_or_else(|| "en".to_owned()),
            });
        }
        match line.split_once(": ") {
            Some(("agi_callerid", value)) => number = Some(value.to_owned()),
            Some(("agi_language", value)) => language = Some(value.to_owned()),
            _ => {}
        }
    }
    Err(io::Error::other(
        "the request has no empty line at its end, or is longer than 16 KiB: it is not AGI",
    ))
}
