//! The smallest server: callers hear themselves.
//!
//! ```sh
//! cargo run -p audiosocket-blocking --example blocking_echo -- 127.0.0.1:9092
//! ```

use audiosocket_blocking::start_server;

fn main() -> std::io::Result<()> {
    let addr = std::env::args().nth(1);
    let addr = addr.unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let server = start_server(
        |_uuid, _peer, audio| audio.into(),
        |uuid, peer, error| eprintln!("{uuid:?} from {peer}: {error}"),
        addr,
    )?;
    println!("listening on {}", server.local_addrs()[0]);
    server.serve_forever()
}
