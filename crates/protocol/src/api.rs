//! Short names for Temporal's API packages: `api::history::HistoryEvent` instead of
//! `temporalio_protos::temporal::api::history::v1::HistoryEvent`.
//!
//! Only names live here. A package that is not listed is still reachable through [`temporal`].

pub use prost_wkt_types::{Any, Duration, Timestamp};
pub use temporalio_protos::temporal::api as temporal;

pub use temporalio_protos::temporal::api::activity::v1 as activity;
pub use temporalio_protos::temporal::api::batch::v1 as batch;
pub use temporalio_protos::temporal::api::command::v1 as command;
pub use temporalio_protos::temporal::api::common::v1 as common;
pub use temporalio_protos::temporal::api::deployment::v1 as deployment;
pub use temporalio_protos::temporal::api::enums::v1 as enums;
pub use temporalio_protos::temporal::api::errordetails::v1 as errordetails;
pub use temporalio_protos::temporal::api::failure::v1 as failure;
pub use temporalio_protos::temporal::api::filter::v1 as filter;
pub use temporalio_protos::temporal::api::history::v1 as history;
pub use temporalio_protos::temporal::api::namespace::v1 as namespace;
pub use temporalio_protos::temporal::api::operatorservice::v1 as operatorservice;
pub use temporalio_protos::temporal::api::protocol::v1 as protocol;
pub use temporalio_protos::temporal::api::query::v1 as query;
pub use temporalio_protos::temporal::api::replication::v1 as replication;
pub use temporalio_protos::temporal::api::schedule::v1 as schedule;
pub use temporalio_protos::temporal::api::sdk::v1 as sdk;
pub use temporalio_protos::temporal::api::taskqueue::v1 as taskqueue;
pub use temporalio_protos::temporal::api::testservice::v1 as testservice;
pub use temporalio_protos::temporal::api::update::v1 as update;
pub use temporalio_protos::temporal::api::version::v1 as version;
pub use temporalio_protos::temporal::api::worker::v1 as worker;
pub use temporalio_protos::temporal::api::workflow::v1 as workflow;
pub use temporalio_protos::temporal::api::workflowservice::v1 as workflowservice;
