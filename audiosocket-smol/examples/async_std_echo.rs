//! The example `smol_echo` on async-std. This crate works there too. async-std itself is no longer developed.
//!
//! ```sh
//! cargo run -p audiosocket-smol --example async_std_echo -- 127.0.0.1:9092
//! # Without a phone, in another terminal: a caller that checks the echo.
//! cargo run --release -p audiosocket-cli -- call 127.0.0.1:9092
//! ```

mod shutdown;

use audiosocket_smol::start_server;

fn main() -> std::io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:9092".into());
    async_std::task::block_on(async {
        let server = start_server(
            |_uuid, _peer, audio| audio.into(), // The answer to audio is the same audio.
            |uuid, peer, error| eprintln!("{uuid:?} from {peer}: {error}"),
            addr,
        )
        .await?;
        shutdown::on_signal(server.handle())?;
        println!("listening on {}", server.local_addrs()[0]);
        server.serve_forever().await
    })
}
