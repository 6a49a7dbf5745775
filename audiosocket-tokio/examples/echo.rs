//! The smallest server: callers hear themselves.
//!
//! ```sh
//! cargo run -p audiosocket-tokio --example echo -- 127.0.0.1:9092
//! ```

use audiosocket_tokio::start_server;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let addr = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let server = start_server(
        |_uuid, _peer, audio| audio.into(),
        |uuid, peer, error| eprintln!("{uuid:?} from {peer}: {error}"),
        addr,
    )
    .await?;
    for addr in server.local_addrs() {
        println!("listening on {addr}");
    }
    server.serve_forever().await
}
