//! What a workflow, a handler of it, or an activity is to those who call it: a name, arguments and a result.
//!
//! The SDK's macros implement these traits for what they mark, and then the thing itself is given where it is started,
//! signalled, asked or called, so that an argument of a wrong type does not compile. By hand they describe what runs
//! elsewhere, in another language:
//!
//! ```
//! use weft_client::{WorkflowDefinition, SignalDefinition, NamesWorkflow};
//!
//! /// `OrderWorkflow` of the Java service.
//! struct Order;
//! impl WorkflowDefinition for Order {
//!     type Args = (String, u32);
//!     type Output = String;
//!     const NAME: &'static str = "OrderWorkflow";
//! }
//! impl NamesWorkflow for Order {
//!     type Workflow = Self;
//! }
//!
//! struct Approve;
//! impl SignalDefinition for Approve {
//!     type Workflow = Order;
//!     type Args = (bool,);
//!     const NAME: &'static str = "approve";
//! }
//! ```

use std::{fmt, marker::PhantomData};

use crate::value::{Args, Value};

/// A kind of workflow.
pub trait WorkflowDefinition: 'static {
    type Args: Args;
    type Output: Value;
    /// The workflow type, as histories have it.
    const NAME: &'static str;
}

/// A value that stands for a kind of workflow where one is started: `Order::run`, or a workflow function's name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no workflow",
    note = "give the run method of a type marked `#[workflow]` (`Order::run`), or a function marked `#[workflow]`"
)]
pub trait NamesWorkflow {
    type Workflow: WorkflowDefinition;
}

/// A marked function: its name stays a function, so that a variable may have the same name.
#[diagnostic::do_not_recommend]
impl<F, N> NamesWorkflow for F
where
    F: Fn() -> N,
    N: NamesWorkflow,
{
    type Workflow = N::Workflow;
}

/// Stands for the workflow `W`. Both are nothing at run time.
pub struct WorkflowRef<W>(PhantomData<fn() -> W>);

impl<W> WorkflowRef<W> {
    /// The value that stands for `W`.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<W> Clone for WorkflowRef<W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for WorkflowRef<W> {}

impl<W> Default for WorkflowRef<W> {
    fn default() -> Self {
        Self::new()
    }
}

impl<W: WorkflowDefinition> fmt::Debug for WorkflowRef<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(W::NAME)
    }
}

impl<W: WorkflowDefinition> NamesWorkflow for WorkflowRef<W> {
    type Workflow = W;
}

/// A signal that a workflow takes.
#[diagnostic::on_unimplemented(message = "`{Self}` is no signal", note = "give a method marked `#[signal]`")]
pub trait SignalDefinition {
    type Workflow: WorkflowDefinition;
    type Args: Args;
    const NAME: &'static str;
}

/// A query that a workflow answers.
#[diagnostic::on_unimplemented(message = "`{Self}` is no query", note = "give a method marked `#[query]`")]
pub trait QueryDefinition {
    type Workflow: WorkflowDefinition;
    type Args: Args;
    type Output: Value;
    const NAME: &'static str;
}

/// An update that a workflow takes.
#[diagnostic::on_unimplemented(message = "`{Self}` is no update", note = "give a method marked `#[update]`")]
pub trait UpdateDefinition {
    type Workflow: WorkflowDefinition;
    type Args: Args;
    type Output: Value;
    const NAME: &'static str;
}

/// A kind of activity.
pub trait ActivityDefinition: 'static {
    type Args: Args;
    type Output: Value;
    /// The activity type, as histories have it.
    const NAME: &'static str;
}

/// A value that stands for a kind of activity where one is called: an activity function's name, or `Shop::price`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no activity",
    note = "give a function marked `#[activity]`, or a method marked so within an impl marked `#[activities]`"
)]
pub trait NamesActivity {
    type Activity: ActivityDefinition;
}

/// A marked function: its name stays a function, so that a variable may have the same name.
#[diagnostic::do_not_recommend]
impl<F, N> NamesActivity for F
where
    F: Fn() -> N,
    N: NamesActivity,
{
    type Activity = N::Activity;
}
