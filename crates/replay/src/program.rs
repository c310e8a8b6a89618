//! What is run: a workflow as replay sees it.

use alloc::{boxed::Box, string::String};
use core::pin::Pin;

use weft_protocol::api::{
    command::ContinueAsNewWorkflowExecutionCommandAttributes,
    common::{Header, Payloads},
    failure::Failure,
};

/// A piece of a program that runs beside the others: the workflow itself, a handler, a spawned future.
pub type Task = Pin<Box<dyn Future<Output = End>>>;

/// How a task of a program ended.
#[derive(Debug)]
pub enum End {
    /// The workflow ends so.
    Workflow(Outcome),
    /// A handler, or a spawned future, is done.
    Handler,
    /// An update's handler is done.
    Update(Result<Option<Payloads>, Box<Failure>>),
    /// The workflow task fails: nothing of this turn is recorded, and the server hands the task out again. For defects of
    /// the code, which a deployment mends, not for failures of the workflow.
    TaskFailed(Box<Failure>),
}

/// How a workflow ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Completed(Option<Payloads>),
    Failed(Box<Failure>),
    Canceled(Option<Payloads>),
    ContinuedAsNew(Box<ContinueAsNewWorkflowExecutionCommandAttributes>),
}

/// A signal that arrived.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signal {
    pub name: String,
    pub input: Option<Payloads>,
    pub header: Option<Header>,
    pub identity: String,
}

/// An update that is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateRequest {
    pub id: String,
    pub name: String,
    pub input: Option<Payloads>,
    pub header: Option<Header>,
    pub identity: String,
}

/// A question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    pub name: String,
    pub input: Option<Payloads>,
    pub header: Option<Header>,
}

/// What a program does about a signal or an update.
pub enum Reaction {
    /// It is dealt with.
    Done(End),
    /// This deals with it.
    Task(Task),
}

/// A workflow. It is asked things only between polls of its tasks, and does nothing between turns.
pub trait Program {
    /// The workflow itself. Asked for once, before anything else.
    fn main(&mut self) -> Task;

    fn signal(&mut self, signal: Signal) -> Reaction;

    /// Whether an update is taken. It must not change anything: a refused update leaves no trace.
    ///
    /// # Errors
    /// Why it is not, as the one who asked is told.
    fn validate(&mut self, update: &UpdateRequest) -> Result<(), Box<Failure>>;

    fn update(&mut self, update: UpdateRequest) -> Reaction;

    /// Looks whether a condition of the program's own holds.
    ///
    /// # Errors
    /// When it cannot be looked at: a defect of the code, which fails the workflow task.
    fn holds(&self, condition: &dyn Fn() -> bool) -> Result<bool, Box<Failure>> {
        Ok(condition())
    }

    /// # Errors
    /// Why there is no answer, as the one who asked is told.
    fn query(&mut self, query: &Query) -> Result<Option<Payloads>, Box<Failure>>;
}
