//! Children, requests to other executions, and messages: one of each kind, and any.

use std::{boxed::Box, string::String, sync::Arc, vec, vec::Vec};

use proptest::{option, prelude::*};
use weft_engine::{
    ActionEnd, ActionEnded, ChildClosed, ChildEnd, EventId, FoundChild, Message, MessageBody, Origin, Reply,
    StartAction, StartChild, Timestamp, WorkflowKey,
    state::{Child, ChildStage, ExternalKind, ExternalRequest, ParentClosePolicy},
};
use weft_protocol::api::{
    common::{Header, Payloads, Priority, WorkflowExecution, WorkflowType},
    failure::Failure,
    history::{
        RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
        SignalExternalWorkflowExecutionInitiatedEventAttributes, StartChildWorkflowExecutionInitiatedEventAttributes,
    },
    sdk::UserMetadata,
    workflow::NewWorkflowExecutionInfo,
};

use super::{generate, sample};

pub(crate) fn target() -> WorkflowKey {
    WorkflowKey { namespace: "7a0c6d7e-8a3f-4f6e-8d4c-0a2b4c6d8e0f".into(), workflow: "kid\u{0}".into() }
}

pub(crate) fn origin() -> Origin {
    Origin { sender: target(), run: sample::run(), event_id: EventId(5) }
}

fn header() -> Header {
    Header { fields: [("h".into(), sample::payload())].into_iter().collect() }
}

pub(crate) fn child() -> Child {
    Child {
        target: target(),
        namespace: "default".into(),
        workflow_type: "Kid".into(),
        policy: ParentClosePolicy::Abandon,
        stage: ChildStage::Initiated { header: Some(Arc::new(header())) },
    }
}

pub(crate) fn external() -> ExternalRequest {
    ExternalRequest {
        target: target(),
        run: Some("some run".into()),
        namespace: "default".into(),
        kind: ExternalKind::Signal { control: "c".into() },
    }
}

fn start() -> StartChild {
    StartChild {
        attributes: StartChildWorkflowExecutionInitiatedEventAttributes {
            workflow_id: "kid".into(),
            workflow_type: Some(WorkflowType { name: "Kid".into() }),
            input: Some(Payloads { payloads: vec![sample::payload()] }),
            ..StartChildWorkflowExecutionInitiatedEventAttributes::default()
        },
        user_metadata: Some(UserMetadata { summary: Some(sample::payload()), details: None }),
        parent_namespace: "default".into(),
        root: WorkflowExecution { workflow_id: "root".into(), run_id: "root run".into() },
        priority: Some(Priority { priority_key: 2, ..Priority::default() }),
    }
}

fn start_action() -> StartAction {
    StartAction {
        action: NewWorkflowExecutionInfo { workflow_id: "order".into(), ..NewWorkflowExecutionInfo::default() },
        nominal: Timestamp(1_000_000_000),
        again: true,
        last_result: Some(Payloads { payloads: vec![sample::payload()] }),
        last_failure: Some(Failure { message: "f".into(), ..Failure::default() }),
    }
}

/// One message of each kind, with its name.
pub(crate) fn bodies() -> Vec<(&'static str, MessageBody)> {
    let signal = SignalExternalWorkflowExecutionInitiatedEventAttributes {
        signal_name: "s".into(),
        ..SignalExternalWorkflowExecutionInitiatedEventAttributes::default()
    };
    let cancel = RequestCancelExternalWorkflowExecutionInitiatedEventAttributes {
        reason: "why".into(),
        ..RequestCancelExternalWorkflowExecutionInitiatedEventAttributes::default()
    };
    let closed = ChildClosed {
        parent_run: sample::run(),
        initiated_event_id: EventId(5),
        first_run: "first".into(),
        event: sample::start_event(),
    };
    let end = ActionEnd { first_run: "first".into(), end: ChildEnd::RequestCancel, identity: "i".into() };
    let ended = ActionEnded {
        schedule: sample::run(),
        action: EventId(7),
        first_run: "first".into(),
        event: sample::start_event(),
    };
    vec![
        ("start child", MessageBody::StartChild(Box::new(start()))),
        ("signal", MessageBody::Signal(Box::new(signal))),
        ("cancel", MessageBody::Cancel(Box::new(cancel))),
        ("first task", MessageBody::FirstTask { run: "first".into() }),
        ("acknowledge", MessageBody::Acknowledge),
        ("recall", MessageBody::Recall),
        ("terminate", MessageBody::ParentClosed { first_run: "first".into(), end: ChildEnd::Terminate }),
        ("request cancel", MessageBody::ParentClosed { first_run: "first".into(), end: ChildEnd::RequestCancel }),
        ("child closed", MessageBody::ChildClosed(Box::new(closed))),
        ("find child", MessageBody::FindChild { first_run: "first".into() }),
        ("start action", MessageBody::StartAction(Box::new(start_action()))),
        ("end action", MessageBody::EndAction(Box::new(end))),
        ("action ended", MessageBody::ActionEnded(Box::new(ended))),
    ]
}

/// One reply of each kind, with its name.
pub(crate) fn replies() -> Vec<(&'static str, Reply)> {
    vec![
        ("done", Reply::Done),
        ("child started", Reply::ChildStarted("first".into())),
        ("already exists", Reply::AlreadyExists),
        ("not found", Reply::NotFound),
        ("namespace not found", Reply::NamespaceNotFound),
        ("signal limit", Reply::SignalLimit),
        ("child open", Reply::Found(FoundChild::Open)),
        ("child ended", Reply::Found(FoundChild::Ended { run: "last".into(), event: Box::new(sample::start_event()) })),
        ("child gone", Reply::Found(FoundChild::Gone)),
    ]
}

pub(crate) fn any_origin() -> impl Strategy<Value = Origin> {
    (generate::key(), generate::run(), generate::event_id()).prop_map(|(sender, run, event_id)| Origin {
        sender,
        run,
        event_id,
    })
}

pub(crate) fn any_child() -> BoxedStrategy<Child> {
    let policy = prop_oneof![
        Just(ParentClosePolicy::Terminate),
        Just(ParentClosePolicy::Abandon),
        Just(ParentClosePolicy::RequestCancel),
    ];
    let stage = prop_oneof![
        any::<bool>().prop_map(|some| ChildStage::Initiated { header: some.then(|| Arc::new(header())) }),
        (generate::run(), generate::event_id()).prop_map(|(run, event_id)| ChildStage::Started { run, event_id }),
    ];
    (generate::key(), generate::text(), generate::text(), policy, stage)
        .prop_map(|(target, namespace, workflow_type, policy, stage)| Child {
            target,
            namespace: namespace.into(),
            workflow_type: workflow_type.into(),
            policy,
            stage,
        })
        .boxed()
}

pub(crate) fn any_external() -> BoxedStrategy<ExternalRequest> {
    let kind = option::of(generate::text()).prop_map(|control: Option<String>| match control {
        Some(control) => ExternalKind::Signal { control: control.into() },
        None => ExternalKind::Cancel,
    });
    (generate::key(), option::of(generate::run()), generate::text(), kind)
        .prop_map(|(target, run, namespace, kind)| ExternalRequest { target, run, namespace: namespace.into(), kind })
        .boxed()
}

pub(crate) fn any_message() -> BoxedStrategy<Message> {
    let body = proptest::sample::select(bodies()).prop_map(|(_, body)| body);
    let body =
        (body, generate::run(), generate::event_id(), generate::event()).prop_map(
            |(body, run, id, event)| match body {
                MessageBody::FirstTask { .. } => MessageBody::FirstTask { run },
                MessageBody::ParentClosed { end, .. } => MessageBody::ParentClosed { first_run: run, end },
                MessageBody::ChildClosed(closed) => {
                    let (parent_run, first_run) = (run, closed.first_run);
                    MessageBody::ChildClosed(Box::new(ChildClosed {
                        parent_run,
                        initiated_event_id: id,
                        first_run,
                        event,
                    }))
                }
                other => other,
            },
        );
    let known_as = option::of(generate::run());
    let message = |(target, body, known_as)| Message { target, body, known_as };
    (generate::key(), body, known_as).prop_map(message).boxed()
}
