use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// The time that an answer may take under the flood.
const PATIENCE: Duration = Duration::from_secs(10);

/// Returns an address of this machine that no socket uses.
pub(super) fn unused_addr() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// Gets the metrics and the open calls of the server with this status, as a monitor and the live page do.
///
/// # Errors
/// If the status does not answer in time.
pub(super) fn scrape(status: SocketAddr) -> io::Result<()> {
    for path in ["/metrics", "/calls"] {
        let mut stream = TcpStream::connect_timeout(&status, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {status}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        if !answer.starts_with(b"HTTP/1.1 200") {
            let start = answer[..answer.len().min(100)].escape_ascii();
            return Err(io::Error::other(format!("{path}: {start}")));
        }
    }
    Ok(())
}
