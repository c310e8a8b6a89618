//! Every part of a schedule comes back, and keeps its bytes.

use proptest::{collection::vec, option, prelude::*, sample::select};
use weft_engine::state::Status;
use weft_protocol::api::{
    common::{Payloads, WorkflowType},
    schedule::{IntervalSpec, ScheduleSpec},
    workflow::NewWorkflowExecutionInfo,
};

use super::*;
use crate::testing::{generate, golden, sample};

fn plan() -> Plan {
    let interval = IntervalSpec { interval: Some(weft_protocol::Duration { seconds: 60, nanos: 0 }), phase: None };
    Plan {
        incarnation: sample::run(),
        created_by: "request".into(),
        created_at: Timestamp(1_000_000_007),
        spec: ScheduleSpec { interval: std::vec![interval], ..ScheduleSpec::default() },
        action: Some(NewWorkflowExecutionInfo {
            workflow_id: "order".into(),
            workflow_type: Some(WorkflowType { name: "Order".into() }),
            input: Some(Payloads { payloads: std::vec![sample::payload()] }),
            ..NewWorkflowExecutionInfo::default()
        }),
        policies: Policies {
            overlap: Overlap::BufferOne,
            catchup_window: core::time::Duration::from_secs(3600),
            pause_on_failure: true,
            keep_workflow_id: true,
        },
        memo: Some(weft_protocol::api::common::Memo { fields: [("m".into(), sample::payload())].into() }),
        search_attributes: Some(weft_protocol::api::common::SearchAttributes {
            indexed_fields: [("s".into(), sample::payload())].into(),
        }),
    }
}

fn progress() -> Progress {
    let action = |number, stage| Action { number: EventId(number), workflow: "order-1".into(), counts: true, stage };
    Progress {
        token: 3,
        paused: true,
        notes: "n".into(),
        limited: true,
        remaining: 5,
        updated_at: Some(Timestamp(20)),
        done_until: Timestamp(30),
        counts: Counts { actions: 1, missed_catchup_window: 2, overlap_skipped: 3, buffer_dropped: 4 },
        buffer: std::vec![Planned {
            nominal: Timestamp(31),
            actual: Timestamp(32),
            overlap: Some(Overlap::CancelOther),
            manual: true,
        }],
        backfills: std::vec![Backfill { after: Timestamp(1), until: Timestamp(2), overlap: None }],
        actions: std::vec![
            action(7, ActionStage::Asked { scheduled_at: Timestamp(33) }),
            action(8, ActionStage::Running { run: "r".into(), told: Some(ChildEnd::RequestCancel) }),
        ],
        recent: std::vec![Recent {
            number: EventId(6),
            scheduled_at: Timestamp(10),
            began_at: Timestamp(11),
            workflow: "order-0".into(),
            run: "r".into(),
            status: Status::Failed,
        }],
        last_result: Some(Arc::new(Payloads { payloads: std::vec![sample::payload()] })),
        last_failure: Some(Arc::new(weft_protocol::api::failure::Failure {
            message: "f".into(),
            ..Default::default()
        })),
        next_number: EventId(9),
        requests: std::vec!["q".into()],
        wake_at: Some(Timestamp(40)),
    }
}

#[test]
fn rows_keep_their_bytes() {
    golden::check("schedule plan key", &plan_key(&sample::key()));
    golden::check("schedule plan value", &encode_plan(&plan()));
    golden::check("schedule progress key", &progress_key(&sample::key()));
    golden::check("schedule progress value", &encode_progress(&progress()));
}

#[test]
fn two_rows_are_a_schedule() {
    let rows = (Bytes::from(encode_plan(&plan())), Bytes::from(encode_progress(&progress())));
    assert_eq!(assemble(&rows.0, &rows.1), Ok(Schedule { plan: Arc::new(plan()), progress: Arc::new(progress()) }));
}

const OVERLAPS: [Overlap; 6] = [
    Overlap::Skip,
    Overlap::BufferOne,
    Overlap::BufferAll,
    Overlap::CancelOther,
    Overlap::TerminateOther,
    Overlap::AllowAll,
];

fn overlap() -> impl Strategy<Value = Option<Overlap>> {
    option::of(select(&OVERLAPS[..]))
}

fn planned() -> impl Strategy<Value = Planned> {
    (generate::time(), generate::time(), overlap(), any::<bool>())
        .prop_map(|(nominal, actual, overlap, manual)| Planned { nominal, actual, overlap, manual })
}

fn action() -> impl Strategy<Value = Action> {
    let end = option::of(select(&[ChildEnd::Terminate, ChildEnd::RequestCancel][..]));
    let stage = prop_oneof![
        generate::time().prop_map(|scheduled_at| ActionStage::Asked { scheduled_at }),
        (generate::run(), end).prop_map(|(run, told)| ActionStage::Running { run, told }),
    ];
    (generate::event_id(), generate::text(), any::<bool>(), stage)
        .prop_map(|(number, workflow, counts, stage)| Action { number, workflow: workflow.into(), counts, stage })
}

proptest! {
    #[test]
    fn plans_come_back(incarnation in generate::run(), at in generate::time(), overlap in select(&OVERLAPS[..]), bare: bool) {
        let mut plan = Plan { incarnation, created_at: at, ..plan() };
        plan.policies.overlap = overlap;
        if bare {
            (plan.action, plan.memo, plan.search_attributes) = (None, None, None);
        }
        prop_assert_eq!(decode_plan(&encode_plan(&plan)), Ok(plan));
    }

    #[test]
    fn progress_comes_back(
        times in (generate::time(), option::of(generate::time()), option::of(generate::time())),
        buffer in vec(planned(), 0..3), actions in vec(action(), 0..3), overlap in overlap(), bare: bool
    ) {
        let mut progress = progress();
        (progress.done_until, progress.updated_at, progress.wake_at) = times;
        (progress.buffer, progress.actions) = (buffer, actions);
        progress.backfills[0].overlap = overlap;
        if bare {
            (progress.last_result, progress.last_failure) = (None, None);
            (progress.requests, progress.recent) = (Vec::new(), Vec::new());
        }
        prop_assert_eq!(decode_progress(&encode_progress(&progress)), Ok(progress));
    }

    #[test]
    fn keys_come_back(key in generate::key()) {
        prop_assert_eq!(decode_key(&plan_key(&key)), Ok((key.clone(), Part::Plan)));
        prop_assert_eq!(decode_key(&progress_key(&key)), Ok((key, Part::Progress)));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = (decode_plan(&bytes), decode_progress(&bytes), decode_key(&bytes));
    }
}
