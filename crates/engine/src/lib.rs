//! The engine: workflow state and a request in, a transition and an answer out.
//!
//! Invariants: a [`Refusal`] leaves the state as it was, to the byte; whatever an accepted request changed is in its
//! [`Transition`]; event ids are dense and times never go back; a closed run emits nothing.
//!
//! What is absent: clocks, sockets, threads, files, randomness, hash order and log lines. Time, ids and chance come with
//! the [`Moment`].

#![no_std]

extern crate alloc;

mod handle;

mod answer;
mod ids;
pub mod limits;
mod message;
mod moment;
mod refusal;
mod request;
pub mod state;
mod time;
mod tracked;
mod transition;

mod bounds;
mod buffer;
mod change;
mod check;
mod deadline;
mod event;
mod failure;
mod finish;
mod fold;
mod keywords;
mod settle;
mod visibility;

mod activity;
mod cancel;
mod chain;
mod close;
mod command;
pub mod cron;
mod delete;
mod deliver;
mod fork;
pub mod job;
mod operate;
mod outbox;
mod owed;
mod pause;
mod pause_info;
mod payload;
mod priority;
mod query;
mod replied;
mod reset;
mod retry;
mod run_options;
pub mod schedule;
pub mod search_attribute;
mod signal;
mod start;
mod terminate;
mod timer;
mod update;
pub mod versioning;
mod workflow_task;

pub use activity::check_priority;
pub use answer::*;
pub use deadline::{ActivityDeadline, Deadline, earliest};
pub use fold::rebuild;
pub use fork::{Copy, Copying, ForkOrigin, point as fork_point};
pub use handle::handle;
pub use ids::*;
pub use job::{JobProgress, JobRequest, StopJob};
pub use limits::Settings;
pub use message::{
    ActionEnd, ActionEnded, ChildClosed, ChildEnd, Delivery, FoundChild, Message, MessageBody, MessageId, Origin,
    Replied, Reply, StartAction, StartChild, Step,
};
pub use moment::{Calendar, Moment, Namespace};
pub use operate::OPERATION;
pub use owed::{Owed, owed};
pub use pause_info::PAUSE_INFO;
pub use refusal::{Refusal, StartConflict};
pub use request::*;

pub use reset::{Excluded, Past, ResetChildren, ResetPlan, Room};
pub use retry::check_policy as check_retry_policy;
pub use state::{Execution, Workflow};
pub use time::{Timestamp, span_from_wire, wire_span};
pub use tracked::{Changed, Differences, Tracked};
pub use transition::*;
pub use visibility::info;
pub use workflow_task::problems::REPORTED_PROBLEMS;
