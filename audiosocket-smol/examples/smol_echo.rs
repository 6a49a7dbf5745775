//! The smallest server: callers hear themselves.
//!
//! ```sh
//! cargo run -p audiosocket-smol --example smol_echo -- 127.0.0.1:9092
//! ```

use audiosocket_smol::start_server;

fn main() -> std::io::Result<()> {
    let addr = std::env::args().nth(1);
    let addr = addr.unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    smol::block_on(async {
        let server = start_server(
            |_uuid, _peer, audio| audio.into(),
            |uuid, peer, error| eprintln!("{uuid:?} from {peer}: {error}"),
            addr,
        );
        let server = server.await?;
        println!("listening on {}", server.local_addrs()[0]);
        server.serve_forever().await
    })
}
