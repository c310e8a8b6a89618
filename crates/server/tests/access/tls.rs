//! The port speaks TLS, and shows the certificate that lies in its file now.

use weft_client::Tls;
use weft_server::StartError;

use crate::{
    authority::{Authority, Pair},
    log,
    world::{Folder, NAME, call, connect, start, until},
};

fn trusting(authority: &Authority) -> Tls {
    Tls { server_ca: authority.as_ca(), server_name: Some(NAME.to_owned()), ..Tls::default() }
}

fn showing(authority: &Authority, pair: &Pair) -> Tls {
    Tls { client: pair.shown(), ..trusting(authority) }
}

#[tokio::test]
async fn the_port_speaks_tls_and_nothing_else() {
    log::take();
    let (folder, authority, other) = (Folder::new(), Authority::new(), Authority::new());
    let server = start(Some(folder.tls(&authority.certify(NAME), None)), None).await.expect("it starts");
    call(&server, Some(trusting(&authority)), None).await.expect("it is trusted");
    call(&server, None, None).await.expect_err("the client speaks no TLS");
    until("the log says it", async || log::says(&["the client speaks no TLS, and this port speaks nothing else"]))
        .await;
    call(&server, Some(trusting(&other)), None).await.expect_err("the client does not trust it");
    let counted = "the client does not accept this server's certificate";
    // The line may have been left out, as the second within a second.
    until("the log says it", async || {
        call(&server, Some(trusting(&other)), None).await.expect_err("the client does not trust it");
        log::says(&[counted])
    })
    .await;
    call(&server, Some(trusting(&authority)), None).await.expect("it is still trusted");
    // The process itself needs neither a certificate nor a port.
    let here = weft_client::Client::over(server.connector().channel(), Default::default()).expect("no headers");
    here.system_info().await.expect("it answers");
    server.shutdown().await;
}

#[tokio::test]
async fn clients_must_show_a_certificate_where_that_is_asked() {
    let (folder, authority, clients) = (Folder::new(), Authority::new(), Authority::new());
    let files = folder.tls(&authority.certify(NAME), Some(&clients.pem));
    let server = start(Some(files), None).await.expect("it starts");
    call(&server, Some(showing(&authority, &clients.certify("ada"))), None).await.expect("Ada is known");
    call(&server, Some(trusting(&authority)), None).await.expect_err("it shows nothing");
    let stranger = showing(&authority, &authority.certify("eve"));
    call(&server, Some(stranger), None).await.expect_err("nobody vouches for Eve");
    // Others vouch for clients from now on.
    folder.write("clients.crt", &authority.pem);
    let ada = || showing(&authority, &clients.certify("ada"));
    until("Ada is not known any more", async || call(&server, Some(ada()), None).await.is_err()).await;
    call(&server, Some(showing(&authority, &authority.certify("eve"))), None).await.expect("Eve is known");
    server.shutdown().await;
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_the_next_connection_and_a_broken_one_never() {
    log::take();
    let (folder, old, new) = (Folder::new(), Authority::new(), Authority::new());
    let server = start(Some(folder.tls(&old.certify(NAME), None)), None).await.expect("it starts");
    let before = connect(&server, Some(trusting(&old)), None).await.expect("it is trusted");

    let path = folder.path("tls.crt").display().to_string();
    folder.write("tls.crt", "-----BEGIN CERTIFICATE-----\nbroken");
    until("the log says it", async || log::says(&["is not PEM", "cannot be used: the old one is kept", &path])).await;
    call(&server, Some(trusting(&old)), None).await.expect("it has the old one");
    // A certificate whose key has not come yet.
    let renewed = new.certify(NAME);
    folder.write("tls.crt", &renewed.certificate);
    until("the log says it", async || log::says(&["is not that of the certificate", &path])).await;
    call(&server, Some(trusting(&old)), None).await.expect("it has the old one");

    folder.write("tls.key", &renewed.key);
    until("it has the new one", async || call(&server, Some(trusting(&new)), None).await.is_ok()).await;
    call(&server, Some(trusting(&old)), None).await.expect_err("it has the new one");
    before.system_info().await.expect("a connection that exists goes on");
    assert!(!log::says(&["PRIVATE KEY"]), "{}", log::text());
    server.shutdown().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_said_before_anything_starts() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let (pair, other) = (authority.certify(NAME), authority.certify(NAME));
    let refused = async |certificate: &str, key: &str, client_ca: Option<&str>| {
        let pair = Pair { certificate: certificate.to_owned(), key: key.to_owned() };
        let error = start(Some(folder.tls(&pair, client_ca)), None).await.err().expect("it does not start");
        assert!(matches!(error, StartError::Access(_)), "{error}");
        error.to_string()
    };
    let says = refused("", &pair.key, None).await;
    assert!(says.ends_with("tls.crt) has no certificate in it"), "{says}");
    let says = refused(&pair.certificate, "?", None).await;
    assert!(says.contains("tls.key) is no private key as PEM"), "{says}");
    let says = refused(&pair.certificate, &other.key, None).await;
    assert!(says.contains("tls.key) is not that of the certificate (/"), "{says}");
    let says = refused(&pair.certificate, &pair.key, Some(&pair.key)).await;
    assert!(says.ends_with("clients.crt) has no certificate in it"), "{says}");
    let mut missing = folder.tls(&pair, None);
    missing.key = folder.path("nowhere.key");
    let says = start(Some(missing), None).await.err().expect("it does not start").to_string();
    assert!(says.starts_with("cannot read the server's key from /") && says.contains("nowhere.key"), "{says}");
}
