//! The engine through its one door: scenarios that are lists of requests, and the histories they must give.
//!
//! Every request of every scenario is checked for what must hold of all of them (`world.rs`): a refusal changes nothing,
//! ids are dense, times never go back, closed runs emit nothing, rows replayed give the state, events fold back to it.

mod family;
mod messages;
mod model;
mod operate;
mod picture;
mod reset_words;
mod schedule_words;
mod script;
mod worker;
mod world;

mod activities;
mod activity_cancellation;
mod activity_operations;
mod activity_property;
mod activity_timeouts;
mod builds;
mod child_commands;
mod children;
mod children_property;
mod close;
mod external;
mod forks;
mod jobs;
mod laws;
mod limits;
mod parent_close;
mod pause;
mod planted;
mod property;
mod queries;
mod reset;
mod reset_family;
mod reset_options;
mod run_options;
mod schedules;
mod schedules_property;
mod signals;
mod start;
mod timers;
mod update_endings;
mod update_tasks;
mod updates;
mod workflow_task;
mod workflow_task_failures;

pub(crate) use script::check;
