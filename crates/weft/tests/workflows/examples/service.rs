//! The example `service`: its router, without a port.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use tower::ServiceExt;
use weft::{Client, ConnectOptions};
use weft_server::{Server, node::Place};

use super::Stage;
use crate::orders;

#[path = "../../../examples/service/routes.rs"]
mod routes;

async fn ask(router: &Router, method: &str, path: &str, body: &'static str) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(path).body(Body::from(body)).expect("a request");
    let answer = router.clone().oneshot(request).await.expect("a router answers always");
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 1 << 16).await.expect("a short body");
    (status, String::from_utf8(body.to_vec()).expect("text"))
}

async fn an_order_is_placed_looked_at_approved_and_shipped(router: &Router) {
    assert_eq!(ask(router, "GET", "/orders/17", "").await.0, StatusCode::NOT_FOUND);
    assert_eq!(ask(router, "POST", "/orders/17", "a lamp").await.0, StatusCode::CREATED);
    assert_eq!(ask(router, "POST", "/orders/17", "a lamp").await.0, StatusCode::CONFLICT);
    assert_eq!(ask(router, "GET", "/orders/17", "").await, (StatusCode::OK, "\"Placed\"".to_owned()));
    assert_eq!(ask(router, "POST", "/orders/17/approve", "").await.0, StatusCode::ACCEPTED);
    let receipt = ask(router, "GET", "/orders/17/receipt", "").await;
    assert_eq!(receipt, (StatusCode::OK, "a lamp is on its way".to_owned()));
    assert_eq!(ask(router, "GET", "/orders/17", "").await, (StatusCode::OK, "\"Shipped\"".to_owned()));
    assert_eq!(ask(router, "POST", "/orders/17/approve", "").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_works_with_the_server_in_its_process() {
    let stage = Stage::with(orders::worker).await;
    an_order_is_placed_looked_at_approved_and_shipped(&routes::router(stage.client().clone())).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_works_with_a_server_elsewhere() {
    let listen = "127.0.0.1:0".parse().expect("an address");
    let server = Server::builder(Place::Memory)
        .listen(listen)
        .start()
        .await
        .expect("it starts on a port that the system chooses");
    let address = server.address().to_string();
    let options = ConnectOptions { address, ..ConnectOptions::default() };
    let client = Client::connect(options).await.expect("it answers");
    let worker = orders::worker(&client).start().expect("the worker starts");
    an_order_is_placed_looked_at_approved_and_shipped(&routes::router(client)).await;
    worker.shutdown().await.expect("no poll was refused");
    server.shutdown().await;
}
