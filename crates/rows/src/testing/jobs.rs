//! Batch jobs: one, every end of it, and any.

use std::{string::String, sync::Arc, vec, vec::Vec};

use proptest::{collection, option, prelude::*};
use weft_engine::{
    Timestamp,
    state::{Aim, Job, JobEnd, JobOrder, JobOutcome},
};
use weft_protocol::api::{
    batch::{BatchOperationDeletion, BatchOperationSignal, BatchOperationTermination},
    common::{Payloads, WorkflowExecution},
    workflowservice::start_batch_operation_request::Operation,
};

use super::{generate, sample};

fn signal() -> Operation {
    Operation::SignalOperation(BatchOperationSignal {
        signal: "wake up".into(),
        input: Some(Payloads { payloads: vec![sample::payload()] }),
        identity: "me".into(),
        ..BatchOperationSignal::default()
    })
}

pub(crate) fn running() -> Job {
    Job {
        run: sample::run(),
        order: Arc::new(JobOrder {
            reason: "all of them".into(),
            identity: "me".into(),
            aim: Aim::Query("WorkflowType = 'Order'".into()),
            operation: signal(),
            pace: Some(2_500),
        }),
        started_at: Timestamp(5),
        total: Some(300),
        completed: 200,
        failed: 1,
        page: vec![WorkflowExecution { workflow_id: "w".into(), run_id: "r".into() }],
        after: Some(sample::run()),
        ended: None,
    }
}

pub(crate) fn outcomes() -> Vec<(&'static str, JobOutcome)> {
    vec![
        ("completed", JobOutcome::Completed),
        ("stopped", JobOutcome::Stopped { reason: "enough".into(), identity: "you".into() }),
        ("failed", JobOutcome::Failed { why: "no such field".into() }),
    ]
}

fn any_operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        Just(signal()),
        generate::text().prop_map(|identity| {
            Operation::TerminationOperation(BatchOperationTermination {
                identity,
                ..BatchOperationTermination::default()
            })
        }),
        generate::text().prop_map(|identity| Operation::DeletionOperation(BatchOperationDeletion { identity })),
    ]
}

fn any_execution() -> impl Strategy<Value = WorkflowExecution> {
    (generate::text(), generate::id()).prop_map(|(workflow_id, run_id)| WorkflowExecution { workflow_id, run_id })
}

fn any_aim() -> impl Strategy<Value = Aim> {
    let execution = any_execution();
    prop_oneof![generate::text().prop_map(Aim::Query), collection::vec(execution, 1..4).prop_map(Aim::Executions),]
}

fn any_end() -> impl Strategy<Value = JobEnd> {
    let outcome = prop_oneof![
        Just(JobOutcome::Completed),
        (generate::text(), generate::text())
            .prop_map(|(reason, identity)| JobOutcome::Stopped { reason, identity: identity.into() }),
        generate::text().prop_map(|why: String| JobOutcome::Failed { why }),
    ];
    (outcome, generate::time(), generate::time()).prop_map(|(outcome, at, remove_at)| JobEnd { outcome, at, remove_at })
}

pub(crate) fn any_job() -> impl Strategy<Value = Job> {
    let order = (generate::text(), generate::text(), any_aim(), any_operation(), option::of(any::<u64>())).prop_map(
        |(reason, identity, aim, operation, pace)| JobOrder { reason, identity: identity.into(), aim, operation, pace },
    );
    let counts = (option::of(any::<u64>()), any::<u32>(), any::<u32>());
    let place = (collection::vec(any_execution(), 0..3), option::of(generate::run()));
    (generate::run(), order, generate::time(), counts, place, option::of(any_end())).prop_map(
        |(run, order, started_at, (total, completed, failed), (page, after), ended)| Job {
            run,
            order: Arc::new(order),
            started_at,
            total,
            completed: completed.into(),
            failed: failed.into(),
            page,
            after,
            ended,
        },
    )
}
