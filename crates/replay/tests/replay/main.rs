//! What a run answers to histories, and where it says that code and history part ways.

mod code;
mod history;

mod cancellation;
mod conditions;
mod divergence;
mod local;
mod markers;
mod operations;
mod turns;
mod updates;
