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
        let mut roots = RootCertStore::empty();
        match &self.server_ca {
            Some(pem) => {
                for certificate in pem.certificates(CA, &pem.read(CA)?)? {
                    roots.add(certificate).map_err(|error| pem.wrong(CA, format!("cannot be used: {error}")))?;
                }
            }
            // Of the system's some are always broken, and nobody here can mend them.
            None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
        }
        Ok(roots)
    }
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
