//! The same TLS on a connection that is not one of the API: for what a server is asked beside it, such as its operations
//! port. It blocks: whoever asks so little needs no runtime for it.

use std::{
    fmt,
    io::{self, Read, Write},
    net::TcpStream,
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{PrivateKeyDer, ServerName, pem::PemObject},
};
use rustls_native_certs::{CertificateResult, load_native_certs};

use super::{CA, CERTIFICATE, ClientCertificate, KEY, Tls, TlsError, TrustAnyone};

/// A connection over TLS.
pub struct Secured(StreamOwned<ClientConnection, TcpStream>);

impl Tls {
    /// Secures a connection to `host`. The two sides shake hands when something is first sent or read.
    ///
    /// # Errors
    /// See [`TlsError`]; nothing was sent.
    pub fn over(&self, stream: TcpStream, host: &str) -> Result<Secured, TlsError> {
        let other = |error: rustls::Error| TlsError::Other(error.to_string());
        let name = self.server_name.as_deref().unwrap_or(host);
        let wrong = |error: rustls::pki_types::InvalidDnsNameError| TlsError::Name {
            name: name.to_owned(),
            why: error.to_string(),
        };
        let server = ServerName::try_from(name.to_owned()).map_err(wrong)?;
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(other)?;
        let builder = if self.disable_host_verification {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(TrustAnyone::new()))
        } else {
            builder.with_root_certificates(self.trusted()?)
        };
        let config = match &self.client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                // Looks whether the two belong together, and says which is wrong.
                client.identity()?;
                let ClientCertificate { certificate, key } = client;
                let chain = certificate.certificates(CERTIFICATE, &certificate.read(CERTIFICATE)?)?;
                let private = PrivateKeyDer::from_pem_slice(&key.read(KEY)?)
                    .map_err(|error| key.wrong(KEY, format!("is no private key as PEM: {error}")))?;
                builder.with_client_auth_cert(chain, private).map_err(other)?
            }
        };
        let connection = ClientConnection::new(Arc::new(config), server).map_err(other)?;
        Ok(Secured(StreamOwned::new(connection, stream)))
    }

    fn trusted(&self) -> Result<RootCertStore, TlsError> {
        let Some(pem) = &self.server_ca else { return system(load_native_certs()) };
        let mut roots = RootCertStore::empty();
        for certificate in pem.certificates(CA, &pem.read(CA)?)? {
            roots.add(certificate).map_err(|error| pem.wrong(CA, format!("cannot be used: {error}")))?;
        }
        Ok(roots)
    }
}

/// The system's authorities. Some are always broken, and nobody here can mend them; without any, whatever the server shows
/// would be called wrong.
fn system(found: CertificateResult) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if !roots.is_empty() {
        return Ok(roots);
    }
    let why: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
    Err(TlsError::System { why: if why.is_empty() { "there are none".to_owned() } else { why.join("; ") } })
}

impl Read for Secured {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Secured {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Secured").field(&self.0.sock).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_without_authorities_is_said_to_have_none() {
        let none = system(CertificateResult::default()).expect_err("nobody could be trusted");
        assert!(
            none.to_string().contains("certificate authorities of this system cannot be read: there are none"),
            "{none}"
        );
        let mut broken = CertificateResult::default();
        broken.certs.push(vec![0].into());
        assert!(system(broken).is_err(), "what cannot be used is nobody to trust either");
    }
}
