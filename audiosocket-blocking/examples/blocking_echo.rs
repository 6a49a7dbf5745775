//! The smallest server: each caller hears their own voice.
//!
//! ```sh
//! cargo run -p audiosocket-blocking --example blocking_echo -- 127.0.0.1:9092
//! # Without a phone, in another terminal: a caller that checks the echo.
//! cargo run --release -p audiosocket-cli -- call 127.0.0.1:9092
//! ```

mod shutdown;

use audiosocket_blocking::start_server;

fn main() -> std::io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:9092".into());
    let server = start_server(
        |_uuid, _peer, audio| audio.into(), // The answer to audio is the same audio.
        |uuid, peer, error| eprintln!("{uuid:?} from {peer}: {error}"),
        addr,
    )?;
    shutdown::on_signal(server.handle())?;
    println!("listening on {}", server.local_addrs()[0]);
    server.serve_forever()
}
