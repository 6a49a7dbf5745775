//! Records the caller of each call into a WAV file. Callers hear their own voice.
//!
//! A task must not wait for a disk, so the crate `audiosocket-record` writes all files on a thread of its own. A file has
//! the sample rate of its call, and the time and the UUID of the call as its name. No file is overwritten.
//!
//! ```sh
//! cargo run -p audiosocket-tokio --example record -- 127.0.0.1:9092 recordings
//! # Without a phone, in another terminal: a call that sends a WAV file. Then end the server with Ctrl-C.
//! espeak-ng -w hello.wav "Hello"
//! cargo run --release -p audiosocket-cli -- call 127.0.0.1:9092 --audio hello.wav
//! ```

mod shutdown;

use std::io;

use audiosocket_record::Recorder;
use audiosocket_tokio::{Callbacks, Server};
use tokio::task::spawn_blocking;

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or("127.0.0.1:9092".into());
    let directory = args.next().unwrap_or("recordings".into());
    std::fs::create_dir_all(&directory)?;

    let recorder = Recorder::in_directory(directory).start()?;
    // Replace it with your handler: a recorder works with every `Acceptor`.
    let echo = Callbacks::new(
        |_uuid, _peer, audio| audio.into(),
        |uuid, peer, error| eprintln!("{uuid:?} from {peer}: {error}"),
    );
    let builder = Server::builder().bind(addr);
    let server = builder.start(recorder.record(echo)).await?;
    shutdown::on_signal(server.handle())?;
    println!("listening on {}", server.local_addrs()[0]);
    server.serve_forever().await?;

    // This waits for the disk, so it runs on a thread that may block.
    let stats = spawn_blocking(|| recorder.finish()).await?;
    println!("recorded {} calls, {} failed", stats.ended, stats.failed);
    Ok(())
}
