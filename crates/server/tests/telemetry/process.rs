//! `weft-server` as a process of its own, because logs and traces belong to a process.

use std::{net::SocketAddr, process::Stdio};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStderr, Command},
};
use tonic::transport::Channel;
use weft_protocol::{
    api::{common::WorkflowType, taskqueue::TaskQueue, workflowservice::*},
    services::workflow_service_client::WorkflowServiceClient,
};

pub(crate) struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    pub(crate) address: SocketAddr,
    pub(crate) operations: SocketAddr,
}

impl Process {
    /// Returns when it takes calls, which its log says.
    pub(crate) async fn start(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weft-server"));
        command.args(["--in-memory", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]);
        command.args(["--log-format", "json"]).args(args).env_clear();
        command.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stderr.take().expect("it was asked for")).lines();
        loop {
            let line = lines.next_line().await.expect("the log is UTF-8").expect("it says when it takes calls");
            let line: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            if line["message"] == "weft-server takes calls" {
                let address = line["address"].as_str().expect("an address").parse().expect("an address");
                let operations = line["operations"].as_str().expect("an address");
                let operations = operations.trim_start_matches("Some(").trim_end_matches(')').parse().expect("one");
                return Self { child, lines, address, operations };
            }
        }
    }

    pub(crate) async fn client(&self) -> WorkflowServiceClient<Channel> {
        let endpoint = Channel::from_shared(format!("http://{}", self.address)).expect("an address is a URI");
        WorkflowServiceClient::new(endpoint.connect().await.expect("it listens"))
    }

    /// Stops it in order, and gives what its log said since it took calls.
    pub(crate) async fn stop(mut self) -> Vec<Value> {
        let pid = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill is there");
        assert!(sent.success());
        let mut said = Vec::new();
        while let Some(line) = self.lines.next_line().await.expect("the log is UTF-8") {
            said.push(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")));
        }
        assert!(self.child.wait().await.expect("it ends").success(), "{said:#?}");
        said
    }
}

/// Starts a workflow and terminates it; gives its run id.
pub(crate) async fn call_twice(client: &mut WorkflowServiceClient<Channel>, workflow_id: &str) -> String {
    let start = StartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_id: workflow_id.to_owned(),
        workflow_type: Some(WorkflowType { name: "order".to_owned() }),
        task_queue: Some(TaskQueue { name: "queue".to_owned(), ..TaskQueue::default() }),
        request_id: "request".to_owned(),
        ..StartWorkflowExecutionRequest::default()
    };
    let run = client.start_workflow_execution(start).await.expect("it starts").into_inner().run_id;
    let execution =
        weft_protocol::api::common::WorkflowExecution { workflow_id: workflow_id.to_owned(), run_id: run.clone() };
    let terminate = TerminateWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: Some(execution),
        ..TerminateWorkflowExecutionRequest::default()
    };
    client.terminate_workflow_execution(terminate).await.expect("it ends");
    run
}
