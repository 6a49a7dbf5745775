//! A server that takes calls over TLS. Callers hear their own voice.
//!
//! Asterisk reaches it through stunnel or a proxy on its own machine: see `audiosocket_server::beyond_tcp`. AudioSocket
//! itself has no authentication. With a third file, the server takes only peers that show a certificate from one of the
//! authorities in it.
//!
//! All files are PEM files. To make a certificate for a first try, and to run the example:
//!
//! ```sh
//! openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
//!     -addext subjectAltName=DNS:localhost -keyout server.key -out server.pem
//! cargo run -p audiosocket-tokio --example tls -- 127.0.0.1:9093 server.pem server.key
//! # Without a phone, in another terminal: a call through stunnel.
//! printf '%s\n' foreground=yes pid= '[tls]' client=yes accept=127.0.0.1:9092 connect=localhost:9093 \
//!     CAfile=server.pem verifyChain=yes checkHost=localhost | stunnel -fd 0 &
//! cargo run --release -p audiosocket-cli -- call 127.0.0.1:9092
//! ```

mod shutdown;

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use audiosocket_tokio::listener::{ClosableListener, Handshake, Listener, TcpListener};
use audiosocket_tokio::{
    Acceptor, Audio, Call, CallRequest, End, Exception, Handler, Peer, Refusal, Response, Server,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [addr, certificate, key, callers @ ..] = &arguments[..] else {
        return Err("usage: tls ADDRESS:PORT CERTIFICATE.pem KEY.pem [CALLERS.pem]".into());
    };
    let callers = callers.first().map(String::as_str);
    let tls = server_config(certificate, key, callers)?;

    let tcp = TcpListener::bind(addr).await?;
    let addr = tcp.local_addr()?;
    let listener = TlsListener {
        tcp,
        tls: tls.into(),
    };
    let server = Server::builder()
        .with_listener(listener)
        .start(Echo)
        .await?;
    shutdown::on_signal(server.handle())?;
    println!("listening on {addr}");
    Ok(server.serve_forever().await?)
}

/// TLS over TCP.
struct TlsListener {
    tcp: TcpListener,
    tls: TlsAcceptor,
}

impl Listener for TlsListener {
    type Stream = Handshake<Accept<TcpStream>, TlsStream<TcpStream>>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Peer)>> {
        let (stream, peer) = ready!(self.tcp.poll_accept(cx))?;
        Poll::Ready(Ok((Handshake::new(self.tls.accept(stream)), peer)))
    }

    // A server that is full refuses connections by this method. Otherwise it hangs up.
    fn closable(&mut self) -> Option<&mut dyn ClosableListener> {
        self.tcp.closable()
    }
}

/// Echoes the audio, and prints the end of each call. Replace it with your handler.
struct Echo;

impl Acceptor for Echo {
    type Handler = Self;

    fn accept(&self, _request: &CallRequest<'_>) -> Result<Self, Refusal> {
        Ok(Self)
    }

    /// The connection did not become a call. Most often the TLS handshake failed.
    fn on_exception(&self, peer: &Peer, error: &Exception) {
        eprintln!("{peer}: {error}");
    }
}

impl Handler for Echo {
    fn on_audio<'a>(&mut self, _call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        audio.into()
    }

    fn on_exception(&mut self, call: &mut Call<'_>, error: &Exception) {
        eprintln!("{}: {error}", call.uuid());
    }

    fn on_end(&mut self, call: &mut Call<'_>, end: End) {
        println!("{} from {}: {end}", call.uuid(), call.peer());
    }
}

/// Reads the PEM files: the server's certificate and the intermediate certificates after it, the key, and the
/// authorities of callers.
fn server_config(
    certificate: &str,
    key: &str,
    callers: Option<&str>,
) -> Result<Arc<ServerConfig>, Box<dyn Error>> {
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let config = match callers {
        None => config.with_no_client_auth(),
        Some(callers) => {
            let mut authorities = RootCertStore::empty();
            for certificate in read_certificates(callers)? {
                authorities.add(certificate)?;
            }
            let authorities = Arc::new(authorities);
            let verifier = WebPkiClientVerifier::builder_with_provider(authorities, provider);
            config.with_client_cert_verifier(verifier.build()?)
        }
    };
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| format!("cannot read {key}: {error}; give a PEM file"))?;
    let chain = read_certificates(certificate)?;
    Ok(Arc::new(config.with_single_cert(chain, key)?))
}

fn read_certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| format!("cannot read {path}: {error}; give a PEM file"))
}
