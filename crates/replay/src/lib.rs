//! Replay: history in, commands out. The SDK's core and the engine's dual.
//!
//! A workflow is a [`Program`]: futures that ask their [`Context`] for timers, activities and the like. A [`Run`] feeds
//! it the history turn by turn, polls it until it waits, and compares the commands that it issued with the events that
//! history has in their place.
//!
//! Invariants: the same history gives the same commands, whatever the machine, the hour or the worker; what a program
//! sees depends on nothing but history and on the messages that came with its task; where code and history part ways the
//! run says so ([`Divergence`]) before anything of it leaves.
//!
//! What is absent: clocks, sockets, threads, files, randomness that history does not seed, hash order and log lines.

#![no_std]

extern crate alloc;

mod run;
mod turns;

mod apply;
mod command;
mod context;
mod divergence;
mod event;
mod failure;
mod local;
mod markers;
mod matching;
mod operation;
mod program;
mod random;
mod scope;
mod state;
mod tasks;
mod update;

pub use command::Source;
pub use context::{Child, Context, Wait};
pub use divergence::{Divergence, Parting};
pub use failure::{application, canceled};
pub use local::LocalActivity;
pub use markers::CHANGES;
pub use operation::{Pending, Resolution};
pub use program::{End, Outcome, Program, Query, Reaction, Signal, Task, UpdateRequest};
pub use run::{Completion, Config, Factory, Fault, Progress, Run};
pub use scope::ScopeId;
pub use state::{Cancellation, ChildCancellation, Info, Moment};
pub use tasks::Foreign;
