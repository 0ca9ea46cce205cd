//! Certificates from an authority that gives them to machines (ACME): asked for, kept and renewed by the server.
//!
//! The proof that the name is ours runs over the very port that clients use (TLS-ALPN-01), so nothing else has
//! to be open. Account and certificate lie in a folder beside the database: an authority gives few a week.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_acme::caches::DirCache;
use rustls_acme::{AcmeConfig, AcmeState};

use crate::config;
use crate::files::private_folder;
use crate::tls::{TlsError, server_config};

/// What a client asks for that checks whether the name is ours.
const CHALLENGE: &[u8] = b"acme-tls/1";

/// The names, and what asks for their certificate.
pub struct Acme {
    state: AcmeState<std::io::Error, std::io::Error>,
    /// How connections are accepted.
    pub server: Arc<ServerConfig>,
}

impl Acme {
    /// With what the operator set; `database` says where to keep what is given.
    ///
    /// # Errors
    /// When the authority's own certificate cannot be read, or the folder not be made.
    pub fn new(settings: &config::Tls, database: &Path) -> Result<Self, TlsError> {
        let mut acme = match &settings.acme_root {
            Some(root) => AcmeConfig::new_with_client_config(&settings.acme_names, trusting(root)?),
            None => AcmeConfig::new_with_provider(&settings.acme_names, Arc::new(rustls::crypto::ring::default_provider())),
        };
        if let Some(contact) = &settings.acme_contact {
            acme = acme.contact_push(format!("mailto:{contact}"));
        }
        // The private key lies there.
        let folder = folder(settings, database);
        private_folder(&folder).map_err(|source| TlsError::Folder { path: folder.clone(), source })?;
        let state = acme.directory(&settings.acme_directory).cache(DirCache::new(folder)).state();
        let mut server = server_config()?.with_cert_resolver(state.resolver());
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec(), CHALLENGE.to_vec()];
        Ok(Self { state, server: Arc::new(server) })
    }

    /// Asks for certificates and renews them. Runs for ever.
    pub async fn keep_fresh(mut self) {
        while let Some(event) = self.state.next().await {
            match event {
                Ok(event) => tracing::info!(?event, "the certificate authority"),
                // It is asked again, less and less often.
                Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "no certificate was given; it is asked for again"),
            }
        }
    }
}

/// Where account and certificates lie.
fn folder(settings: &config::Tls, database: &Path) -> PathBuf {
    let beside = || {
        let mut name = database.as_os_str().to_owned();
        name.push(".acme");
        PathBuf::from(name)
    };
    settings.acme_folder.clone().unwrap_or_else(beside)
}

/// For an authority of one's own, whose certificate no browser knows.
fn trusting(root: &Path) -> Result<Arc<ClientConfig>, TlsError> {
    let unreadable = |source| TlsError::Pem { what: "certificate", path: root.to_owned(), source };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(root).map_err(unreadable)? {
        roots.add(certificate.map_err(unreadable)?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_proof_runs_over_the_port_that_clients_use() {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let root = folder.path().join("authority.pem");
        std::fs::write(&root, made.cert.pem()).unwrap();
        let mut settings = config::Tls { acme_names: vec!["crm.example.com".to_owned()], acme_root: Some(root), ..config::Tls::default() };
        let acme = Acme::new(&settings, &folder.path().join("rapport.db")).unwrap();
        assert_eq!(acme.server.alpn_protocols, [&b"h2"[..], b"http/1.1", b"acme-tls/1"]);
        settings.acme_root = Some(folder.path().join("nothing.pem"));
        assert!(Acme::new(&settings, &folder.path().join("rapport.db")).is_err_and(|error| error.to_string().contains("nothing.pem")));
        let kept = super::folder(&settings, Path::new("/var/lib/rapport/rapport.db"));
        assert_eq!(kept, Path::new("/var/lib/rapport/rapport.db.acme"));
    }
}
