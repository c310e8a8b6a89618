//! The operations port asks who its callers are, where it is told to: health alone is for everybody who reaches it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use weft_server::{
    Server,
    access::{self, OperationsFiles},
    node::{Options, Place},
};

use crate::{
    authority::{Authority, Pair},
    log,
    world::{Folder, NAME, until},
};

const KEY: &str = "scraper-0123456789abcdef";

async fn start(operations: OperationsFiles) -> (Server, SocketAddr) {
    let mut options = Options::new(Place::Memory);
    options.shards = 1;
    let reload_interval = Duration::from_millis(5);
    let access = access::Options { operations, reload_interval, ..access::Options::default() };
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let builder = Server::builder(Place::Memory).options(options).listen(any).operations(any).access(access);
    let server = builder.start().await.expect("it starts");
    let address = server.operations().expect("it has the port");
    (server, address)
}

/// The whole answer to one request.
async fn ask(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    what: &str,
    key: Option<&str>,
) -> std::io::Result<String> {
    let key = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
    let request = format!("{what} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n{key}Content-Length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

async fn plain(address: SocketAddr, what: &str, key: Option<&str>) -> std::io::Result<String> {
    ask(TcpStream::connect(address).await?, what, key).await
}

async fn over_tls(address: SocketAddr, authority: &Authority, shown: Option<&Pair>) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    let trusted = CertificateDer::from_pem_slice(authority.pem.as_bytes()).expect("it is PEM");
    roots.add(trusted).expect("it is one of an authority");
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("they fit").with_root_certificates(roots);
    let mut config = match shown {
        None => builder.with_no_client_auth(),
        Some(pair) => {
            let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).expect("it is PEM");
            let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("it is PEM");
            builder.with_client_auth_cert(vec![certificate], key).expect("they are a pair")
        }
    };
    config.alpn_protocols.push(b"http/1.1".to_vec());
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(NAME).expect("it is a name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    ask(stream, "GET /metrics", None).await
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).expect("it has a status")
}

#[tokio::test]
async fn health_needs_no_key_and_all_else_does() {
    let folder = Folder::new();
    let api_keys = Some(folder.write("keys", &format!("{KEY}\n")));
    let (server, address) = start(OperationsFiles { tls: None, api_keys }).await;
    for health in ["/healthz", "/livez", "/readyz"] {
        let answer = plain(address, &format!("GET {health}"), None).await.expect("it answers");
        assert_eq!(status(&answer), "200", "{answer}");
    }
    for asked in ["GET /metrics", "GET /admin/status", "POST /admin/cluster/drain?node=1", "GET /healthz/../metrics"] {
        let answer = plain(address, asked, None).await.expect("it answers");
        assert_eq!(status(&answer), "401", "{asked}: {answer}");
        assert!(answer.contains("www-authenticate: Bearer") && answer.contains("an API key is needed"), "{answer}");
        let answer = plain(address, asked, Some("guessed-0123456789abc")).await.expect("it answers");
        assert_eq!(status(&answer), "401", "{asked}: {answer}");
    }
    let answer = plain(address, "GET /metrics", Some(KEY)).await.expect("it answers");
    assert_eq!(status(&answer), "200", "{answer}");
    server.shutdown().await;
}

#[tokio::test]
async fn keys_change_while_the_port_serves() {
    log::take();
    let folder = Folder::new();
    let keys = folder.write("keys", &format!("{KEY}\n"));
    let (server, address) = start(OperationsFiles { tls: None, api_keys: Some(keys.clone()) }).await;
    let answered = async |key: &str| {
        let answer = plain(address, "GET /metrics", Some(key)).await.expect("it answers");
        status(&answer).to_owned()
    };
    assert_eq!(answered(KEY).await, "200");
    // Nothing of a file that cannot be used is taken; one that can is, without a restart.
    folder.write("keys", "short\n");
    let named = keys.display().to_string();
    until("the log says it", async || log::says(&[&named, "a key of less than 16 characters in line 1"])).await;
    assert_eq!(answered(KEY).await, "200", "the old key holds");
    let other = "operator-0123456789abcdef";
    folder.write("keys", &format!("{other}\n"));
    until("the new key is taken", async || answered(other).await == "200").await;
    assert_eq!(answered(KEY).await, "401", "it was taken away");
    let text = log::text();
    assert!(!text.contains(KEY) && !text.contains(other), "{text}");
    server.shutdown().await;
}

#[tokio::test]
async fn metrics_are_shown_over_tls() {
    let (folder, authority, other) = (Folder::new(), Authority::new(), Authority::new());
    let tls = Some(folder.tls(&authority.certify(NAME), None));
    let (server, address) = start(OperationsFiles { tls, api_keys: None }).await;
    let answer = over_tls(address, &authority, None).await.expect("it is trusted");
    assert_eq!(status(&answer), "200", "{answer}");
    over_tls(address, &other, None).await.expect_err("it is not trusted");
    let answer = plain(address, "GET /healthz", None).await.unwrap_or_default();
    assert!(!answer.starts_with("HTTP"), "the port speaks nothing but TLS: {answer}");
    server.shutdown().await;
}

#[tokio::test]
async fn callers_must_show_a_certificate_where_that_is_asked() {
    let (folder, authority, operators) = (Folder::new(), Authority::new(), Authority::new());
    let tls = Some(folder.tls(&authority.certify(NAME), Some(&operators.pem)));
    let (server, address) = start(OperationsFiles { tls, api_keys: None }).await;
    let answer = over_tls(address, &authority, Some(&operators.certify("scraper"))).await.expect("it is one of theirs");
    assert_eq!(status(&answer), "200", "{answer}");
    assert!(over_tls(address, &authority, None).await.is_err(), "it shows none");
    assert!(over_tls(address, &authority, Some(&authority.certify("scraper"))).await.is_err(), "not one of theirs");
    server.shutdown().await;
}
