//! `--tls-cert`, `--tls-key` and `--tls-client-ca`: files that can change while the server runs.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use audiosocket_tokio::config::TlsConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::file_error::file_error;

/// The files of a TLS server, and the configuration that they make. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::serve) struct Certificates {
    files: Arc<Files>,
    config: TlsConfig,
}

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

impl Certificates {
    pub(in crate::serve) fn read(
        certificate: PathBuf,
        key: PathBuf,
        client_ca: Option<PathBuf>,
    ) -> io::Result<Self> {
        let files = Files {
            certificate,
            key,
            client_ca,
        };
        let config = TlsConfig::new(files.read()?);
        Ok(Self {
            files: Arc::new(files),
            config,
        })
    }

    /// Returns the configuration for a server. A reload changes it.
    pub(in crate::serve) fn config(&self) -> TlsConfig {
        self.config.clone()
    }

    /// Reads the files again. After an error, new connections get the old certificates.
    pub(in crate::serve) fn reload(&self) -> io::Result<()> {
        self.config.set(self.files.read()?);
        Ok(())
    }
}

impl Files {
    fn read(&self) -> io::Result<ServerConfig> {
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let config = config
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let config = match &self.client_ca {
            None => config.with_no_client_auth(),
            Some(path) => {
                let mut authorities = RootCertStore::empty();
                for authority in certificates(path)? {
                    authorities
                        .add(authority)
                        .map_err(|error| invalid(path, &error))?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(authorities.into(), provider);
                let verifier = verifier.build().map_err(|error| invalid(path, &error))?;
                config.with_client_cert_verifier(verifier)
            }
        };
        let chain = certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key);
        let key = key.map_err(|error| invalid(&self.key, &error))?;
        config.with_single_cert(chain, key).map_err(|error| {
            let key = self.key.display();
            let message = format!("does not fit the key {key}: {error}");
            file_error(&self.certificate, &*Box::<dyn Error>::from(message))
        })
    }
}

/// Reads at least one certificate.
fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let chain = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let chain: Vec<_> = chain.map_err(|error| invalid(path, &error))?;
    if chain.is_empty() {
        return Err(file_error(
            path,
            &io::Error::other("the file has no certificate; give a PEM file"),
        ));
    }
    Ok(chain)
}

fn invalid(path: &Path, error: &dyn Error) -> io::Error {
    let message = format!("{error}; give a PEM file");
    file_error(path, &io::Error::other(message))
}
