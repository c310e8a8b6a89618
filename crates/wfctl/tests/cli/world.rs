//! A server in this process, a worker made of raw calls, and `wfctl` as a process.

use std::{
    io::Write,
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use weft_client::{
    Client, ConnectOptions, PollersOf,
    api::{
        command::{Command as Decision, command::Attributes},
        protocol::Message,
        taskqueue::TaskQueue,
        workflowservice::{
            PollWorkflowTaskQueueRequest, PollWorkflowTaskQueueResponse, RespondWorkflowTaskCompletedRequest,
        },
    },
};
use weft_server::{
    Server,
    node::{Options, Place},
};

pub(crate) struct World {
    runtime: tokio::runtime::Runtime,
    server: Option<Server>,
    pub(crate) address: String,
    pub(crate) operations: String,
}

/// A process that does not outlive its test, however that ends.
pub(crate) struct Mortal(pub(crate) Child);

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The output, of a command that succeeded.
    pub(crate) fn ok(&self) -> &str {
        assert_eq!(self.code, 0, "{self:?}");
        &self.out
    }

    /// The sentence, of a command that ended with `code`.
    pub(crate) fn error(&self, code: i32) -> &str {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{self:?}");
        &self.err
    }
}

/// `wfctl` without any settings from the machine it runs on.
pub(crate) fn wfctl(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wfctl"));
    command.args(args).env_clear().env("HOME", "/nowhere").stdin(Stdio::null());
    command
}

pub(crate) fn run(command: &mut Command) -> Ran {
    ran(command.output().expect("wfctl runs"))
}

pub(crate) fn ran(output: Output) -> Ran {
    let text = |bytes| String::from_utf8(bytes).expect("wfctl prints UTF-8");
    Ran { code: output.status.code().expect("wfctl exits"), out: text(output.stdout), err: text(output.stderr) }
}

impl World {
    pub(crate) fn start() -> Self {
        Self::at(Place::Memory)
    }

    pub(crate) fn at(place: Place) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut options = Options::new(place.clone());
        options.shards = 2;
        // Nobody answers queries here, and no test wants to wait for that.
        options.query_timeout = std::time::Duration::from_millis(50);
        let any = "127.0.0.1:0".parse().unwrap();
        let builder = Server::builder(place).options(options).listen(any).operations(any);
        let server = runtime.block_on(builder.start()).unwrap();
        let (address, operations) = (server.address().to_string(), server.operations().unwrap().to_string());
        Self { runtime, server: Some(server), address, operations }
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = wfctl(args);
        command.env("WEFT_ADDRESS", &self.address).env("WEFT_OPERATIONS", &self.operations);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        run(&mut self.command(args))
    }

    pub(crate) fn run_with_input(&self, args: &[&str], input: &str) -> Ran {
        let mut child = self.spawn(self.command(args).stdin(Stdio::piped()));
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        ran(child.wait_with_output().unwrap())
    }

    pub(crate) fn spawn(&self, command: &mut Command) -> Child {
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn client(&self) -> Client {
        let options = ConnectOptions { address: self.address.clone(), ..ConnectOptions::default() };
        self.runtime.block_on(Client::connect(options)).unwrap()
    }

    /// A worker's poll that stays; returns when the server knows of it.
    pub(crate) fn poll_in_background(&self, queue: &str) {
        let (client, polled) = (self.client(), queue.to_owned());
        let poller = client.clone();
        let poll = self.runtime.spawn(async move { poll(&poller, &polled).await });
        self.runtime.block_on(async {
            while client.task_queue(queue, PollersOf::Workflows).await.unwrap().pollers.is_empty() {
                assert!(!poll.is_finished(), "the poll did not stay");
            }
        });
    }

    /// A worker that takes one workflow task and decides `decision`.
    pub(crate) fn decide(&self, queue: &str, decision: Attributes) {
        self.answer(queue, |_| (vec![command(decision)], Vec::new()));
    }

    /// A worker that takes one workflow task and answers it with these commands and messages.
    pub(crate) fn answer(
        &self,
        queue: &str,
        answer: impl FnOnce(&PollWorkflowTaskQueueResponse) -> (Vec<Decision>, Vec<Message>),
    ) {
        let client = self.client();
        self.runtime.block_on(async {
            let task = poll(&client, queue).await;
            let (commands, messages) = answer(&task);
            let request = RespondWorkflowTaskCompletedRequest {
                namespace: client.namespace().to_owned(),
                task_token: task.task_token,
                commands,
                messages,
                ..Default::default()
            };
            client.workflow_service().respond_workflow_task_completed(request).await.unwrap();
        });
    }
}

fn command(decision: Attributes) -> Decision {
    use weft_client::api::enums::CommandType;
    let kind = match &decision {
        Attributes::CompleteWorkflowExecutionCommandAttributes(_) => CommandType::CompleteWorkflowExecution,
        Attributes::FailWorkflowExecutionCommandAttributes(_) => CommandType::FailWorkflowExecution,
        Attributes::ScheduleActivityTaskCommandAttributes(_) => CommandType::ScheduleActivityTask,
        other => panic!("no test decides {other:?}"),
    };
    Decision { command_type: kind.into(), attributes: Some(decision), ..Decision::default() }
}

async fn poll(client: &Client, queue: &str) -> PollWorkflowTaskQueueResponse {
    let request = PollWorkflowTaskQueueRequest {
        namespace: client.namespace().to_owned(),
        task_queue: Some(TaskQueue { name: queue.to_owned(), kind: 1, ..TaskQueue::default() }),
        identity: "worker-1".to_owned(),
        ..Default::default()
    };
    let mut request = tonic::Request::new(request);
    // Temporal's servers refuse a poll without a time limit.
    request.set_timeout(std::time::Duration::from_secs(60));
    client.workflow_service().poll_workflow_task_queue(request).await.unwrap().into_inner()
}

impl Drop for Mortal {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.shutdown());
        }
    }
}
