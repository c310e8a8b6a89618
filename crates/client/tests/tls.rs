//! TLS against a server that has it: who is trusted, what is shown, and what is said when it does not fit.

use std::{
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    transport::{Certificate, Identity, Server, ServerTlsConfig, server::TcpIncoming},
};
use weft_client::{
    Client, ClientCertificate, ConnectOptions, Error, Pem, Retry, Tls,
    api::workflowservice::{GetSystemInfoRequest, GetSystemInfoResponse},
};
use weft_protocol::services::workflow_service_server::{WorkflowService, WorkflowServiceServer};
use weft_server::{
    access::{self, OperationsFiles, TlsFiles},
    node::{Options, Place},
};

/// Says of itself which bearer token it got.
struct Echo;

#[tonic::async_trait]
impl WorkflowService for Echo {
    async fn get_system_info(
        &self,
        request: Request<GetSystemInfoRequest>,
    ) -> Result<Response<GetSystemInfoResponse>, Status> {
        let token = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        let server_version = token.unwrap_or_default().to_owned();
        Ok(Response::new(GetSystemInfoResponse { server_version, ..GetSystemInfoResponse::default() }))
    }
}

/// A certificate authority.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM.
struct Pair {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("there is chance");
        let pem = params.self_signed(&key).expect("it can be signed").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn certify(&self, name: &str) -> Pair {
        let params = CertificateParams::new(vec![name.to_owned()]).expect("it is a name");
        let key = KeyPair::generate().expect("there is chance");
        let certificate = params.signed_by(&key, &self.issuer).expect("it can be signed");
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    fn as_ca(&self) -> Option<Pem> {
        Some(Pem::Data(self.pem.clone().into_bytes()))
    }
}

impl Pair {
    fn shown(&self) -> Option<ClientCertificate> {
        let data = |text: &str| Pem::Data(text.as_bytes().to_vec());
        Some(ClientCertificate { certificate: data(&self.certificate), key: data(&self.key) })
    }
}

const NAME: &str = "weft.internal";

/// A server with a certificate of this authority; with `clients`, one that lets in only those of that authority.
async fn server(authority: &Authority, clients: Option<&Authority>) -> String {
    let Pair { certificate, key } = authority.certify(NAME);
    let mut tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
    if let Some(clients) = clients {
        tls = tls.client_ca_root(Certificate::from_pem(&clients.pem));
    }
    serve(Server::builder().tls_config(tls).expect("the certificate is right")).await
}

async fn serve(mut server: Server) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let serving = server.add_service(WorkflowServiceServer::new(Echo)).serve_with_incoming(TcpIncoming::from(listener));
    tokio::spawn(serving);
    address
}

/// What a client with these settings is told, by the server or by what stood in its way.
async fn call(address: &str, tls: Tls) -> Result<String, Error> {
    let options = ConnectOptions {
        address: address.to_owned(),
        api_key: Some("key".to_owned()),
        tls: Some(tls),
        retry: Retry::NEVER,
        ..ConnectOptions::default()
    };
    let client = Client::connect(options).await?;
    Ok(client.system_info().await?.server_version)
}

async fn refused(address: &str, tls: Tls, why: &str) {
    let error = call(address, tls).await.expect_err("it does not fit").to_string();
    assert!(error.contains(why), "found {error:?}, expected {why:?}");
}

fn named() -> Tls {
    Tls { server_name: Some(NAME.to_owned()), ..Tls::default() }
}

#[tokio::test]
async fn a_server_is_trusted_by_its_authority_and_its_name() {
    let (authority, other) = (Authority::new(), Authority::new());
    let address = server(&authority, None).await;
    let trusted = Tls { server_ca: authority.as_ca(), ..named() };
    assert_eq!(call(&address, trusted.clone()).await.expect("it is trusted"), "Bearer key");
    assert_eq!(call(&format!("https://{address}"), trusted).await.expect("it is trusted"), "Bearer key");
    refused(&address, Tls { server_ca: other.as_ca(), ..named() }, "invalid peer certificate").await;
    refused(&address, Tls { server_ca: authority.as_ca(), ..Tls::default() }, "invalid peer certificate").await;
    let anyone = Tls { disable_host_verification: true, ..Tls::default() };
    assert_eq!(call(&address, anyone).await.expect("anyone is trusted"), "Bearer key");
}

#[tokio::test]
async fn a_server_may_ask_who_the_client_is() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let address = server(&authority, Some(&clients)).await;
    let trusted = || Tls { server_ca: authority.as_ca(), ..named() };
    let known = Tls { client: clients.certify("ada").shown(), ..trusted() };
    assert_eq!(call(&address, known).await.expect("it is known"), "Bearer key");
    let stranger = Tls { client: authority.certify("eve").shown(), ..trusted() };
    assert!(call(&address, stranger).await.is_err());
    assert!(call(&address, trusted()).await.is_err());
}

#[tokio::test]
async fn where_no_tls_is_spoken_that_is_said() {
    let address = serve(Server::builder()).await;
    refused(&address, Tls { disable_host_verification: true, ..named() }, "no TLS is spoken there").await;
    refused(&format!("http://{address}"), named(), "begins with http://, but TLS is on").await;
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_said_with_its_name() {
    let folder = tempfile::tempdir().expect("there is room");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("there is room");
        Pem::File(path)
    };
    let authority = Authority::new();
    let (ada, eve) = (authority.certify("ada"), authority.certify("eve"));
    let ca = |pem| Tls { server_ca: Some(pem), ..Tls::default() };
    refused("a:1", ca(Pem::File(Path::new("/no/ca.pem").into())), "the server's CA certificate from /no/ca.pem").await;
    refused("a:1", ca(file("empty.pem", "")), "empty.pem) has no certificate in it").await;
    refused("a:1", ca(file("key.pem", &ada.key)), "key.pem) has no certificate in it").await;

    let shown =
        |certificate: Pem, key: Pem| Tls { client: Some(ClientCertificate { certificate, key }), ..Tls::default() };
    let certificate = || file("ada.pem", &ada.certificate);
    refused("a:1", shown(certificate(), file("none.key", "?")), "none.key) is no private key").await;
    refused("a:1", shown(certificate(), file("eve.key", &eve.key)), "is not that of its certificate").await;
    let name = Tls { server_name: Some("not a name".to_owned()), ..Tls::default() };
    refused("a:1", name, "\"not a name\" cannot be the name of a server").await;
    let data = format!("{:?}", ada.shown());
    assert!(!data.contains("BEGIN"), "{data}");
}

/// What a server says of its health, or why it says nothing.
async fn health(address: SocketAddr, tls: Tls) -> io::Result<String> {
    let ask = move || {
        let stream = TcpStream::connect(address)?;
        let mut secured = tls.over(stream, &address.ip().to_string()).map_err(io::Error::other)?;
        secured.write_all(b"GET /livez HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        secured.read_to_string(&mut answer)?;
        Ok(answer)
    };
    tokio::task::spawn_blocking(ask).await.expect("it does not panic")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_beside_the_api_is_asked_over_the_same_tls() {
    let folder = tempfile::tempdir().expect("there is room");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("there is room");
        path
    };
    let (authority, clients) = (Authority::new(), Authority::new());
    let Pair { certificate, key } = authority.certify(NAME);
    let client_ca = Some(file("clients.crt", &clients.pem));
    let tls = TlsFiles { certificate: file("tls.crt", &certificate), key: file("tls.key", &key), client_ca };
    let operations = OperationsFiles { tls: Some(tls), api_keys: None };
    let access = access::Options { operations, ..access::Options::default() };
    let (options, any) = (Options { shards: 1, ..Options::new(Place::Memory) }, SocketAddr::from(([127, 0, 0, 1], 0)));
    let builder = weft_server::Server::builder(Place::Memory).options(options).listen(any).operations(any);
    let server = builder.access(access).start().await.expect("it starts");
    let address = server.operations().expect("it has the port");

    let trusted = Tls { server_ca: authority.as_ca(), ..named() };
    let known = Tls { client: clients.certify("ada").shown(), ..trusted.clone() };
    let answer = health(address, known.clone()).await.expect("it is known");
    assert!(answer.starts_with("HTTP/1.0 200") && answer.ends_with("ok\n"), "{answer}");
    let anyone = Tls { server_ca: None, disable_host_verification: true, ..known.clone() };
    health(address, anyone).await.expect("anyone is trusted");
    assert!(health(address, trusted).await.is_err(), "it shows nothing");
    let refused = health(address, Tls { server_ca: clients.as_ca(), ..known }).await.expect_err("another authority's");
    assert!(refused.to_string().contains("invalid peer certificate"), "{refused}");
    server.shutdown().await;
}
