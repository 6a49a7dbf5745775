//! Who this server is, and who may call it.

use std::error::Error;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// Reads PEM files: the server's certificate, with those that vouch for it behind it, and its key.
///
/// With `callers`, the certificates of authorities, only those may call that show a certificate by
/// one of them. AudioSocket itself asks nobody who they are, so without it whoever reaches the port
/// may call.
pub(crate) fn server_config(
    certificate: &str,
    key: &str,
    callers: Option<&str>,
) -> Result<Arc<ServerConfig>, Box<dyn Error>> {
    let chain = read_certificates(certificate)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| format!("{key}: {error}"))?;
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
    Ok(Arc::new(config.with_single_cert(chain, key)?))
}

fn read_certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| format!("{path}: {error}"))
}
