//! TLS towards a server: whose certificates are trusted, and what the client shows of itself.
//!
//! Invariant: what is wrong with a certificate or a key is found before anything is sent, and the error says which one
//! and where it came from. Private keys are never printed.

mod beside;

use std::{fmt, fs, io, path::PathBuf, sync::Arc};

use rustls::{
    CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    sign::CertifiedKey,
};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

pub use beside::Secured;

/// How a connection is secured. By default: the system's certificate authorities are trusted, and the client shows
/// nothing of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificate authorities that are trusted instead of the system's.
    pub server_ca: Option<Pem>,
    /// What the client shows (mTLS).
    pub client: Option<ClientCertificate>,
    /// The name in the server's certificate, where it is not the address's.
    pub server_name: Option<String>,
    /// Trusts any server: whoever sits between can read and change everything. For tests only.
    pub disable_host_verification: bool,
}

/// A certificate of a client, with those that vouch for it, and its private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    pub certificate: Pem,
    pub key: Pem,
}

/// Certificates or keys as PEM.
#[derive(Clone, PartialEq, Eq)]
pub enum Pem {
    File(PathBuf),
    Data(Vec<u8>),
}

/// What is wrong with certificates and keys.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read {what} from {from:?}: {source}")]
    Read { what: &'static str, from: Pem, source: io::Error },
    #[error("{what} ({from:?}) {why}")]
    Pem { what: &'static str, from: Pem, why: String },
    #[error("the client's key ({key:?}) is not that of its certificate ({certificate:?})")]
    Pair { certificate: Pem, key: Pem },
    #[error("{name:?} cannot be the name of a server: {why}")]
    Name { name: String, why: String },
    #[error(
        "the certificate authorities of this system cannot be read: {why}; install them (ca-certificates), or name the \
         server's own"
    )]
    System { why: String },
    #[error("{0}")]
    Other(String),
}

const CA: &str = "the server's CA certificate";
const CERTIFICATE: &str = "the client's certificate";
const KEY: &str = "the client's key";

impl Pem {
    fn read(&self, what: &'static str) -> Result<Vec<u8>, TlsError> {
        match self {
            Self::File(path) => fs::read(path).map_err(|source| TlsError::Read { what, from: self.clone(), source }),
            Self::Data(data) => Ok(data.clone()),
        }
    }

    fn wrong(&self, what: &'static str, why: impl Into<String>) -> TlsError {
        TlsError::Pem { what, from: self.clone(), why: why.into() }
    }

    /// Its certificates; at least one.
    fn certificates(&self, what: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let all = all.map_err(|error| self.wrong(what, format!("is not PEM: {error}")))?;
        if all.is_empty() { Err(self.wrong(what, "has no certificate in it")) } else { Ok(all) }
    }
}

/// The path, or that it is data: never the data.
impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Data(data) => write!(f, "given as {} bytes", data.len()),
        }
    }
}

impl Tls {
    /// The endpoint with this on it. Its URL has the scheme `https`.
    pub(crate) fn secure(&self, endpoint: Endpoint) -> Result<Endpoint, TlsError> {
        let mut config = ClientTlsConfig::new();
        if let Some(name) = &self.server_name {
            let wrong = |error: rustls::pki_types::InvalidDnsNameError| TlsError::Name {
                name: name.clone(),
                why: error.to_string(),
            };
            ServerName::try_from(name.as_str()).map_err(wrong)?;
            config = config.domain_name(name);
        }
        if let Some(client) = &self.client {
            config = config.identity(client.identity()?);
        }
        let other = |error: tonic::transport::Error| TlsError::Other(crate::error::deepest(&error));
        if self.disable_host_verification {
            return endpoint.tls_config_with_verifier(config, Arc::new(TrustAnyone::new())).map_err(other);
        }
        config = match &self.server_ca {
            Some(pem) => config.ca_certificate(authorities(pem)?),
            None => config.with_native_roots(),
        };
        endpoint.tls_config(config).map_err(other)
    }
}

/// Checked here, because what cannot be read would be passed over later.
fn authorities(from: &Pem) -> Result<Certificate, TlsError> {
    let pem = from.read(CA)?;
    let mut roots = RootCertStore::empty();
    for certificate in from.certificates(CA, &pem)? {
        roots.add(certificate).map_err(|error| from.wrong(CA, format!("cannot be used: {error}")))?;
    }
    Ok(Certificate::from_pem(pem))
}

impl ClientCertificate {
    fn identity(&self) -> Result<Identity, TlsError> {
        let (certificate, key) = (self.certificate.read(CERTIFICATE)?, self.key.read(KEY)?);
        let chain = self.certificate.certificates(CERTIFICATE, &certificate)?;
        let private = PrivateKeyDer::from_pem_slice(&key)
            .map_err(|error| self.key.wrong(KEY, format!("is no private key as PEM: {error}")))?;
        match CertifiedKey::from_der(chain, private, &ring::default_provider()) {
            Ok(_) => Ok(Identity::from_pem(certificate, key)),
            Err(rustls::Error::InconsistentKeys(_)) => {
                Err(TlsError::Pair { certificate: self.certificate.clone(), key: self.key.clone() })
            }
            Err(rustls::Error::InvalidCertificate(CertificateError::BadEncoding)) => {
                Err(self.certificate.wrong(CERTIFICATE, "is broken"))
            }
            Err(error) => Err(self.key.wrong(KEY, format!("cannot be used: {error}"))),
        }
    }
}

/// Takes any certificate, as long as the server has its key.
#[derive(Debug)]
struct TrustAnyone(CryptoProvider);

impl TrustAnyone {
    fn new() -> Self {
        Self(ring::default_provider())
    }
}

impl ServerCertVerifier for TrustAnyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
