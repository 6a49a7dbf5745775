use std::io;
use std::net::TcpListener;

use tokio::net::TcpStream;
use tokio::runtime::Builder;

/// Has `echo` serve each connection in a task of its own, on the one thread of `runtime`.
pub(super) fn serve<F>(
    runtime: &mut Builder,
    listener: TcpListener,
    echo: impl Fn(TcpStream) -> F,
) -> io::Result<()>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    runtime.build()?.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(echo(stream));
        }
    })
}
