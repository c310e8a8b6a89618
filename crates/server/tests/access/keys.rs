//! Calls bring an API key, where the server has some.

use tonic::{Code, transport::Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use weft_client::Error;

use crate::{
    log,
    world::{Folder, call, start, until},
};

const ADA: &str = "ada-0123456789abcdef";
const EVE: &str = "eve-0123456789abcdef";

fn said(error: &Error) -> (Code, String) {
    match error {
        Error::Refused { error, .. } => (error.code(), error.message.clone()),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_call_is_taken_with_one_of_the_keys_only() {
    log::take();
    let folder = Folder::new();
    let file = folder.write("keys", &format!("# of Ada\n{ADA}\n"));
    let server = start(None, Some(&file)).await.expect("it starts");
    call(&server, None, Some(ADA)).await.expect("it is a key");
    let (code, says) = said(&call(&server, None, None).await.expect_err("no key"));
    assert_eq!((code, says.contains("authorization: Bearer KEY")), (Code::Unauthenticated, true), "{says}");
    let (code, says) = said(&call(&server, None, Some(EVE)).await.expect_err("a wrong key"));
    assert_eq!((code, says.as_str()), (Code::Unauthenticated, "the API key is not one of this server's"));
    assert!(log::says(&["a call was refused: an API key is needed"]), "{}", log::text());

    // Whoever looks whether the server is well has no key.
    let channel = Endpoint::from_shared(format!("http://{}", server.address())).expect("a URI");
    let mut health = HealthClient::new(channel.connect().await.expect("it listens"));
    health.check(HealthCheckRequest::default()).await.expect("it answers");

    // Nothing of a file that cannot be used is taken; one that can is, without a restart.
    folder.write("keys", "short\n");
    until("the log says it", async || log::says(&["a key of less than 16 characters in line 1"])).await;
    call(&server, None, Some(ADA)).await.expect("the old key holds");
    folder.write("keys", EVE);
    until("Eve gets in", async || call(&server, None, Some(EVE)).await.is_ok()).await;
    said(&call(&server, None, Some(ADA)).await.expect_err("it was taken away"));
    let text = log::text();
    assert!(!text.contains(ADA) && !text.contains(EVE), "{text}");
    server.shutdown().await;
}

#[tokio::test]
async fn a_server_does_not_start_without_the_keys_it_was_told_of() {
    let folder = Folder::new();
    let empty = folder.write("keys", "# none yet\n");
    let says = start(None, Some(&empty)).await.err().expect("it does not start").to_string();
    assert!(says.ends_with("keys) has no key in it: write one a line"), "{says}");
    let says = start(None, Some(&folder.path("nowhere"))).await.err().expect("it does not start").to_string();
    assert!(says.starts_with("cannot read the file of API keys from /"), "{says}");
}
