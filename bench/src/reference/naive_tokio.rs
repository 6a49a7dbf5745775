use std::io;
use std::net::TcpListener;

use audiosocket_proto::FrameKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Builder;

use super::on_tokio;

pub(super) fn serve(listener: TcpListener) -> io::Result<()> {
    on_tokio::serve(Builder::new_current_thread().enable_all(), listener, echo)
}

/// Until the caller hangs up, which shows as an error.
async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut frame = Vec::new();
    loop {
        let mut header = [0; 3];
        stream.read_exact(&mut header).await?;
        let [kind, high, low] = header;
        frame.clear();
        frame.extend_from_slice(&header);
        frame.resize(3 + usize::from(u16::from_be_bytes([high, low])), 0);
        stream.read_exact(&mut frame[3..]).await?;
        if kind == FrameKind::AUDIO_8K.0 {
            stream.write_all(&frame).await?;
        }
    }
}
