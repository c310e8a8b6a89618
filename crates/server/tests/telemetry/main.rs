//! What a running `weft-server` tells of itself: traces to a collector, its log, metrics and health.

mod http;
mod logs;
mod operations;
mod process;
mod traces;
