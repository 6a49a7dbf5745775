use std::io;
use std::net::TcpListener;

use audiosocket_proto::FrameKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(super) fn serve(listener: TcpListener) -> io::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            loop {
                let (stream, _) = listener.accept().await?;
                tokio::spawn(echo(stream));
            }
        })
}

/// Until the caller hangs up, which shows as an error.
async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut frame = Vec::new();
    loop {
        frame.resize(3, 0);
        stream.read_exact(&mut frame).await?;
        let len = u16::from_be_bytes([frame[1], frame[2]]);
        frame.resize(3 + usize::from(len), 0);
        stream.read_exact(&mut frame[3..]).await?;
        if frame[0] == FrameKind::AUDIO_8K.0 {
            stream.write_all(&frame).await?;
        }
    }
}
