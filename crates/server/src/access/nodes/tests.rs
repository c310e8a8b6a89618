//! Nodes that call each other, over real sockets.

use std::{fs, path::Path};

use futures::StreamExt;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use weft_env::RealClock;

use super::{super::accept, *};

/// A certificate authority.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Puts the files of a node with this name into a folder.
    fn equip(&self, folder: &Path, name: &str) -> NodeFiles {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let [crt, secret, ca] = ["node.crt", "node.key", "ca.crt"].map(|file| folder.join(file));
        fs::write(&crt, certificate.pem()).unwrap();
        fs::write(&secret, key.serialize_pem()).unwrap();
        fs::write(&ca, &self.pem).unwrap();
        NodeFiles { certificate: crt, key: secret, ca, server_name: None }
    }
}

fn open(files: &NodeFiles) -> Mutual {
    Mutual::open(files, Duration::from_secs(1)).unwrap()
}

/// A node that sends back the first byte of every connection; its port.
async fn node(mutual: &Mutual) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let incoming = accept::incoming(listener, mutual.server(), accept::NODES, Arc::new(RealClock::new()));
    tokio::spawn(incoming.for_each(|connection| async {
        let mut connection = connection.unwrap();
        if let Ok(byte) = connection.read_u8().await {
            connection.write_u8(byte).await.unwrap();
            // Sent when the other side has read it and left.
            let _ = connection.read_u8().await;
        }
    }));
    port
}

/// Whether this node gets an answer from that one.
async fn answered(by: &Mutual, port: u16) -> bool {
    let to = format!("http://127.0.0.1:{port}").parse().unwrap();
    let Ok(mut connection) = by.connector(Arc::new(RealClock::new())).connect(to).await else { return false };
    // What the other side thinks of the certificate comes only with its first answer.
    connection.write_u8(7).await.is_ok() && connection.read_u8().await.is_ok_and(|byte| byte == 7)
}

#[tokio::test]
async fn nodes_of_one_authority_speak_to_each_other_and_to_nobody_else() {
    let [one, two, three] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let (ours, theirs) = (Authority::new(), Authority::new());
    let called = open(&ours.equip(one.path(), "127.0.0.1"));
    let port = node(&called).await;
    assert!(answered(&open(&ours.equip(two.path(), "127.0.0.1")), port).await);
    // It trusts the node that it calls, and has no certificate of its own from there.
    let mut stranger = theirs.equip(three.path(), "127.0.0.1");
    fs::write(&stranger.ca, &ours.pem).unwrap();
    assert!(!answered(&open(&stranger), port).await);
    // It has the right certificate, and does not trust the node that it calls.
    let careful = ours.equip(three.path(), "127.0.0.1");
    fs::write(&careful.ca, &theirs.pem).unwrap();
    assert!(!answered(&open(&careful), port).await);
    stranger.server_name = Some("not a name".to_owned());
    assert!(matches!(Mutual::open(&stranger, Duration::from_secs(1)), Err(Error::Name { .. })));
}

#[tokio::test]
async fn a_node_has_the_name_it_is_called_by_or_the_one_that_all_have() {
    let [one, two] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let authority = Authority::new();
    let port = node(&open(&authority.equip(one.path(), "weft.internal"))).await;
    let mut files = authority.equip(two.path(), "weft.internal");
    assert!(!answered(&open(&files), port).await, "it is not 127.0.0.1");
    files.server_name = Some("weft.internal".to_owned());
    assert!(answered(&open(&files), port).await);
}

#[tokio::test]
async fn certificates_of_a_new_authority_hold_for_the_next_connection() {
    let [one, two] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (old, new) = (Authority::new(), Authority::new());
    let (called, calling) = (open(&old.equip(one.path(), "127.0.0.1")), open(&old.equip(two.path(), "127.0.0.1")));
    let port = node(&called).await;
    assert!(answered(&calling, port).await);
    new.equip(one.path(), "127.0.0.1");
    let look = |mutual: &Mutual| files::Changing::look(mutual.files.as_ref()).unwrap();
    assert!(look(&called));
    assert!(!answered(&calling, port).await, "it has the old ones");
    new.equip(two.path(), "127.0.0.1");
    assert!(look(&calling));
    assert!(answered(&calling, port).await);
}
