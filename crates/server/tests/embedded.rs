//! A server in this process without a port: the same API through memory.

use std::io::ErrorKind;

use tonic::Code;
use weft_client::{Client, ConnectOptions, Start};
use weft_protocol::{
    api::workflowservice::{DescribeNamespaceRequest, GetSystemInfoRequest},
    services::workflow_service_client::WorkflowServiceClient,
};
use weft_server::{Embedded, Server, node::Place};

async fn embedded() -> Embedded {
    Server::builder(Place::Memory).embed().await.expect("it starts")
}

#[tokio::test]
async fn it_is_called_without_a_port() {
    let server = embedded().await;
    let mut client = WorkflowServiceClient::new(server.connector().channel());
    let info = client.get_system_info(GetSystemInfoRequest {}).await.expect("it is answered").into_inner();
    assert!(info.capabilities.expect("they are there").sdk_metadata);
    server.shutdown().await;
}

#[tokio::test]
async fn servers_of_one_process_know_nothing_of_each_other() {
    let servers = futures::future::join_all((0..4).map(|_| embedded())).await;
    let mut seen = std::collections::BTreeSet::new();
    for server in &servers {
        let mut client = WorkflowServiceClient::new(server.connector().channel());
        let request = DescribeNamespaceRequest { namespace: "default".to_owned(), ..Default::default() };
        let answer = client.describe_namespace(request).await.expect("it is there").into_inner();
        seen.insert(answer.namespace_info.expect("it is told").id);
    }
    assert_eq!(seen.len(), servers.len());
    futures::future::join_all(servers.into_iter().map(Embedded::shutdown)).await;
}

#[tokio::test]
async fn a_stopped_server_refuses_connections() {
    let server = embedded().await;
    let connector = server.connector().clone();
    let mut client = WorkflowServiceClient::new(connector.channel());
    client.get_system_info(GetSystemInfoRequest {}).await.expect("it is answered");
    server.shutdown().await;
    assert_eq!(connector.connect().await.expect_err("nobody is there").kind(), ErrorKind::ConnectionRefused);
    let refused = client.get_system_info(GetSystemInfoRequest {}).await.expect_err("nobody is there");
    assert_eq!(refused.code(), Code::Unavailable);
}

#[tokio::test]
async fn a_server_on_a_port_has_the_way_through_memory_too() {
    let address = "127.0.0.1:0".parse().expect("an address");
    let server = Server::builder(Place::Memory).listen(address).start().await.expect("it starts");
    let mut client = WorkflowServiceClient::new(server.connector().channel());
    client.get_system_info(GetSystemInfoRequest {}).await.expect("it is answered");
    server.shutdown().await;
}

#[tokio::test]
async fn our_client_goes_over_its_channel() {
    let server = embedded().await;
    let client = Client::over(server.connector().channel(), ConnectOptions::default()).expect("the options are right");
    let started = client.start(Start::new("order-17", "Order", "orders")).await.expect("it starts");
    assert_eq!(client.describe(&started.run).await.expect("it is there").pending_activities.len(), 0);
    server.shutdown().await;
}
