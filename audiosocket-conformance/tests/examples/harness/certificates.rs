//! Certificates, new ones for each test.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
    version::TLS13,
};
use tempfile::TempDir;

/// An authority, and a directory with its PEM files: `authority.pem`, and `server.pem` and `server.key` for
/// `localhost`.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub(crate) directory: TempDir,
}

/// The certificate and the key of a client.
pub(crate) type Identity = Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>;

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        // Without a name of its own, OpenSSL takes its certificates for self-signed ones.
        params
            .distinguished_name
            .push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self {
            issuer,
            directory: tempfile::tempdir().unwrap(),
        };
        let (certificate, key) = authority.issue("localhost");
        fs::write(authority.path("authority.pem"), authority.issuer.pem()).unwrap();
        fs::write(authority.path("server.pem"), certificate.pem()).unwrap();
        fs::write(authority.path("server.key"), key.serialize_pem()).unwrap();
        authority
    }

    /// Returns the path of one of its files.
    pub(crate) fn path(&self, name: &str) -> String {
        let path: &Path = self.directory.path();
        path.join(name).into_os_string().into_string().unwrap()
    }

    /// Makes a certificate and a key for a caller.
    pub(crate) fn identity(&self, name: &str) -> Identity {
        let (certificate, key) = self.issue(name);
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Some((certificate.der().clone(), key))
    }

    /// Makes the client's end of a TLS connection. It trusts only this authority. It has sent nothing so far.
    pub(crate) fn client(&self, tcp: TcpStream) -> StreamOwned<ClientConnection, TcpStream> {
        self.client_of(tcp, &TLS13, None)
    }

    pub(crate) fn client_of(
        &self,
        tcp: TcpStream,
        version: &'static SupportedProtocolVersion,
        identity: Identity,
    ) -> StreamOwned<ClientConnection, TcpStream> {
        let mut trusted = RootCertStore::empty();
        trusted.add(self.issuer.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(trusted);
        let config = match identity {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => config
                .with_client_auth_cert(vec![certificate], key)
                .unwrap(),
        };
        let name = ServerName::try_from("localhost").unwrap();
        let tls = ClientConnection::new(Arc::new(config), name).unwrap();
        StreamOwned::new(tls, tcp)
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let names = [name.to_owned(), Ipv4Addr::LOCALHOST.to_string()];
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }
}
