use std::io;
use std::net::{SocketAddr, TcpListener};
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
/// If the status does not answer with success in time.
pub(super) fn scrape(status: SocketAddr) -> io::Result<()> {
    for path in ["/metrics", "/calls"] {
        let request = ureq::get(format!("http://{status}{path}")).config();
        let request = request.proxy(None).timeout_global(Some(PATIENCE)).build();
        let mut answer = request.call().map_err(io::Error::other)?;
        answer.body_mut().read_to_vec().map_err(io::Error::other)?;
    }
    Ok(())
}
