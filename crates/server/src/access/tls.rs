//! What a port that speaks TLS is set up with, from files of PEM.
//!
//! Invariant: certificate and key fit each other, and each certificate of an authority could be read, before either is
//! used.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
};

use super::{
    Error, TlsFiles,
    files::{Content, FromFiles, Source},
    nodes::Both,
};

/// What is spoken over it: between nodes and with clients, and on the operations port.
pub(super) const HTTP2: &[u8] = b"h2";
pub(super) const HTTP1: &[u8] = b"http/1.1";

/// Of a port that speaks one protocol.
pub(super) fn server(files: &TlsFiles, protocol: &'static [u8]) -> Result<FromFiles<ServerConfig>, Error> {
    let mut sources = vec![
        Source::open("the server's certificate", &files.certificate),
        Source::secret("the server's key", &files.key),
    ];
    sources.extend(files.client_ca.as_ref().map(|path| Source::open("the clients' CA certificate", path)));
    FromFiles::load(sources, move |contents| server_config(contents, protocol))
}

/// Both sides of a connection between nodes: certificate, key, authorities.
pub(super) fn both(contents: &[Content]) -> Result<Both, Error> {
    let provider = Arc::new(ring::default_provider());
    let [certificate, key, authority] = contents else { unreachable!("there are three sources") };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| certificate.wrong(format!("cannot be used: {error}")))?;
    let shown = Arc::new(SingleCertAndKey::from(pair(certificate, key, &provider)?));
    let mut client = builder.with_root_certificates(authorities(authority)?).with_client_cert_resolver(shown);
    client.alpn_protocols.push(HTTP2.to_vec());
    Ok(Both { server: Arc::new(server_config(contents, HTTP2)?), client: Arc::new(client) })
}

fn server_config(contents: &[Content], protocol: &[u8]) -> Result<ServerConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let (identity, authorities) = contents.split_at(2);
    let pair = pair(&identity[0], &identity[1], &provider)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| identity[0].wrong(format!("cannot be used: {error}")))?;
    let builder = match authorities.first() {
        Some(content) => builder.with_client_cert_verifier(client_verifier(content, &provider)?),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
    config.alpn_protocols.push(protocol.to_vec());
    Ok(config)
}

fn client_verifier(content: &Content, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let roots = Arc::new(authorities(content)?);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider)).build();
    verifier.map_err(|error| content.wrong(format!("cannot be used: {error}")))
}

/// Whom certificates may come from.
pub(super) fn authorities(content: &Content) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(content)? {
        roots.add(certificate).map_err(|error| content.wrong(format!("cannot be used: {error}")))?;
    }
    Ok(roots)
}

/// A certificate with its key.
pub(super) fn pair(certificate: &Content, key: &Content, provider: &CryptoProvider) -> Result<CertifiedKey, Error> {
    let chain = certificates(certificate)?;
    let private = PrivateKeyDer::from_pem_slice(&key.bytes)
        .map_err(|error| key.wrong(format!("is no private key as PEM: {error}")))?;
    CertifiedKey::from_der(chain, private, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            Error::Pair { certificate: certificate.source.path.clone(), key: key.source.path.clone() }
        }
        rustls::Error::InvalidCertificate(CertificateError::BadEncoding) => certificate.wrong("is broken"),
        error => key.wrong(format!("cannot be used: {error}")),
    })
}

fn certificates(content: &Content) -> Result<Vec<CertificateDer<'static>>, Error> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&content.bytes).collect();
    let all = all.map_err(|error| content.wrong(format!("is not PEM: {error}")))?;
    if all.is_empty() { Err(content.wrong("has no certificate in it")) } else { Ok(all) }
}
