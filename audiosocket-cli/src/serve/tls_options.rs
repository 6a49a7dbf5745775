use std::io;
use std::path::PathBuf;

use clap::Args;

use super::operate::certificates::Certificates;

#[derive(Args, Debug)]
pub(super) struct TlsOptions {
    /// Serve TLS with the certificates of FILE, in PEM
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "TLS",
        hide = true,
        requires = "tls_key"
    )]
    tls_cert: Option<PathBuf>,
    /// The key of the first certificate, in PEM
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "TLS",
        hide = true,
        requires = "tls_cert"
    )]
    tls_key: Option<PathBuf>,
    /// Refuse peers without a certificate of these authorities
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "TLS",
        hide = true,
        requires = "tls_cert"
    )]
    tls_client_ca: Option<PathBuf>,
}

impl TlsOptions {
    pub(super) fn is_on(&self) -> bool {
        self.tls_cert.is_some()
    }

    /// Reads the files.
    pub(super) fn certificates(&self) -> io::Result<Option<Certificates>> {
        let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) else {
            return Ok(None);
        };
        let client_ca = self.tls_client_ca.clone();
        Certificates::read(certificate.clone(), key.clone(), client_ca).map(Some)
    }
}
