//! An echo server that records what each caller says into a directory.
//!
//! ```sh
//! cargo run -p audiosocket-record --example record_echo -- 127.0.0.1:9092 recordings
//! ```

use std::io;
use std::time::Duration;

use audiosocket_record::Recorder;
use audiosocket_tokio::{Callbacks, Server};
use tokio::task::spawn_blocking;

/// How long calls may go on after Ctrl-C.
const GRACE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let directory = args.next().unwrap_or_else(|| "recordings".to_owned());
    std::fs::create_dir_all(&directory)?;

    let recorder = Recorder::in_directory(directory).start()?;
    let echo = Callbacks::new(
        |_uuid, _peer, audio| audio.into(),
        |uuid, peer, error| eprintln!("{uuid:?} from {peer}: {error}"),
    );
    let builder = Server::builder().bind(addr);
    let server = builder.start(recorder.record(echo)).await?;
    for addr in server.local_addrs() {
        println!("listening on {addr}");
    }
    let handle = server.handle();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            handle.shutdown(GRACE);
        }
    });
    server.serve_forever().await?;

    // The disk may be slow, and a task must not block.
    let stats = spawn_blocking(move || recorder.finish()).await?;
    println!("recorded {} calls, {} failed", stats.ended, stats.failed);
    Ok(())
}
