//! Encryption of connections: rustls, with a certificate that may be renewed while the server runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at: certificates are renewed days before they end.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file is missing, unreadable, or holds no such thing.
    #[error("cannot read a {what} from `{}`", path.display())]
    Pem {
        /// `certificate` or `private key`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: PemError,
    },
    /// What an authority gives cannot be kept.
    #[error("cannot keep certificates in `{}`", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The file holds no certificate.
    #[error("`{}` holds no certificate", .0.display())]
    Empty(PathBuf),
    /// Certificate and key do not belong together, or are of a kind that is not supported.
    #[error("the certificate and its key cannot be used")]
    Unusable(#[from] rustls::Error),
}

/// The files, and what was last read from them.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: watch::Sender<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// When they cannot be used.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let current = watch::Sender::new(load(certificate, key)?);
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), current })
    }

    /// Accepts connections with the present certificate.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.borrow()))
    }

    /// With certificates that somebody else keeps fresh.
    pub fn of(config: Arc<ServerConfig>) -> Self {
        Self { certificate: PathBuf::new(), key: PathBuf::new(), current: watch::Sender::new(config) }
    }

    /// Reads the files again. What is there stays in use when they cannot be used.
    ///
    /// # Errors
    /// When they cannot be used.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.current.send_replace(load(&self.certificate, &self.key)?);
        Ok(())
    }

    /// Reads the files again whenever they change, or when told by SIGHUP. Runs for ever.
    pub async fn keep_fresh(self: Arc<Self>) {
        let mut seen = self.changed_at();
        loop {
            let told = sighup_or(LOOK_EVERY).await;
            let now = self.changed_at();
            if !told && now == seen {
                continue;
            }
            seen = now;
            match self.reload() {
                Ok(()) => tracing::info!("the certificate was read again"),
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "the new certificate cannot be used; the old one stays");
                }
            }
        }
    }

    fn changed_at(&self) -> [Option<SystemTime>; 2] {
        [&self.certificate, &self.key].map(|path| std::fs::metadata(path).and_then(|file| file.modified()).ok())
    }
}

/// Waits; answers whether it was cut short by SIGHUP.
async fn sighup_or(wait: Duration) -> bool {
    #[cfg(unix)]
    if let Ok(mut hangup) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) {
        return tokio::time::timeout(wait, hangup.recv()).await.is_ok();
    }
    tokio::time::sleep(wait).await;
    false
}

/// What all our certificates are served with: TLS 1.3, or 1.2 where a client knows no better.
pub(crate) fn server_config() -> Result<rustls::ConfigBuilder<ServerConfig, rustls::server::WantsServerCert>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider);
    Ok(builder.with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?.with_no_client_auth())
}

fn load(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let unreadable = |what, path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::Pem { what, path, source }
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable("certificate", certificate))?;
    if chain.is_empty() {
        return Err(TlsError::Empty(certificate.to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(unreadable("private key", key))?;
    let mut config = server_config()?.with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_new(folder: &Path) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    }

    #[test]
    fn a_renewed_certificate_is_used_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        write_new(folder.path());
        let tls = Tls::read(&folder.path().join("cert.pem"), &folder.path().join("key.pem")).unwrap();
        let first = Arc::clone(&tls.current.borrow());
        std::fs::write(folder.path().join("cert.pem"), "half a file").unwrap();
        assert!(tls.reload().is_err());
        assert!(Arc::ptr_eq(&first, &tls.current.borrow()), "the old one stays");
        write_new(folder.path());
        tls.reload().unwrap();
        assert!(!Arc::ptr_eq(&first, &tls.current.borrow()));
    }
}
