use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use audiosocket_proto::{Audio, End, SessionConfig, Timestamp, Transmit};
use audiosocket_server::{
    Acceptor, Admission, AllowList, Call, CallDriver, CallRequest, Calls, Exception, Handler, Peer,
    Refusal, Response,
};

use crate::cuts::Cuts;

/// The signature of version 2.
pub(crate) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The proxy that all connections come from.
const PROXY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// The longest header that the server accepts, in bytes.
const MAX_LEN: usize = 2048;

/// Serves a connection from a proxy, in one piece and in pieces. Both must have the same callbacks and sent bytes. A call must
/// begin with a header, and the peer must be the address of an IPv4 header.
///
/// The first bytes of `data` are the cuts.
pub fn proxy(data: &[u8]) {
    let mut stream = data;
    let cuts = Cuts::split_first(&mut stream);
    let whole = serve(std::iter::once(stream));
    assert_eq!(serve(cuts.apply(stream)), whole, "in pieces");

    let accepted = whole.0.iter().find(|line| line.starts_with("accept"));
    if accepted.is_some() {
        let has_header = stream.starts_with(SIGNATURE) || stream.starts_with(b"PROXY ");
        assert!(has_header, "a call without a header: {whole:?}");
    }
    if let (Some(client), Some(accepted)) = (ipv4_client(stream), accepted) {
        assert_eq!(*accepted, format!("accept {client}"));
    }
}

/// Returns the source of a header of version 2 for TCP over IPv4.
fn ipv4_client(stream: &[u8]) -> Option<SocketAddr> {
    let header = stream
        .strip_prefix(SIGNATURE)?
        .strip_prefix(&[0x21, 0x11])?;
    let (len, rest) = header.split_first_chunk::<2>()?;
    let len = usize::from(u16::from_be_bytes(*len));
    if len < 12 || rest.len() < len || SIGNATURE.len() + 4 + len > MAX_LEN {
        return None;
    }
    let (ip, rest) = rest.split_first_chunk::<4>()?;
    let port = rest[4..].first_chunk::<2>()?;
    Some((Ipv4Addr::from(*ip), u16::from_be_bytes(*port)).into())
}

/// Returns the callbacks and the sent bytes.
fn serve<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<String>, Vec<u8>) {
    let proxies = AllowList::from_iter([std::net::IpAddr::from(PROXY).into()]);
    let calls = Calls::new(Admission::new().proxy_protocol(proxies));
    let acceptor = Arc::new(Recorder::default());
    let peer = SocketAddr::from((PROXY, 5000)).into();
    let config = SessionConfig::new().fill_silence(false);
    let now = Timestamp::ZERO;
    let mut driver = CallDriver::new(Arc::clone(&acceptor), peer, config, &calls, now);
    for piece in pieces {
        driver.receive(now, piece);
    }
    driver.handle_eof(now);
    let mut sent = Vec::new();
    while let Transmit::Bytes(bytes) = driver.poll_transmit() {
        let len = bytes.len();
        sent.extend_from_slice(bytes);
        driver.transmitted(now, len);
    }
    drop(driver);
    assert!(
        calls.is_empty() && calls.admitted() == 0,
        "the connection still counts"
    );
    let lines = acceptor.0.lock().unwrap_or_else(PoisonError::into_inner);
    (lines.clone(), sent)
}

#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    fn note(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line);
    }
}

impl Acceptor for Recorder {
    type Handler = Self;

    fn accept(&self, request: &CallRequest<'_>) -> Result<Self, Refusal> {
        self.note(format!("accept {}", request.peer));
        Ok(self.clone())
    }

    fn on_exception(&self, peer: &Peer, error: &Exception) {
        self.note(format!("no call from {peer}: {error}"));
    }
}

impl Handler for Recorder {
    fn on_audio<'a>(&mut self, _: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        self.note(format!("audio of {} bytes", audio.len()));
        audio.into()
    }

    fn on_exception(&mut self, _: &mut Call<'_>, error: &Exception) {
        self.note(error.to_string());
    }

    fn on_end(&mut self, _: &mut Call<'_>, end: End) {
        self.note(end.to_string());
    }
}
