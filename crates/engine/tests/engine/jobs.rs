//! Batch jobs: each execution counts once, whoever works on the job and however often its leader is lost.

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;
use weft_engine::{
    Answer, Effect, JobProgress, JobRequest, Refusal, Request, Settings, StartConflict, StopJob, Timestamp,
    VisibilityChange, job,
    state::{Aim, Job, JobOrder, JobOutcome},
};
use weft_protocol::api::{
    batch::BatchOperationDeletion, common::WorkflowExecution, enums::WorkflowExecutionStatus as Status,
    workflowservice::start_batch_operation_request::Operation,
};

use crate::{script::Line, world::World};

fn order() -> JobOrder {
    JobOrder {
        reason: "why".into(),
        identity: "me".into(),
        aim: Aim::Query("WorkflowType = 'x'".into()),
        operation: Operation::DeletionOperation(BatchOperationDeletion { identity: "me".into() }),
        pace: None,
    }
}

fn world() -> World {
    World::named("job", "job", Settings::default())
}

fn ask(world: &mut World, request: JobRequest) -> Result<Arc<Job>, Refusal> {
    match world.request(Request::Job(request))?.1 {
        Answer::Job(job) => Ok(job),
        other => panic!("{other:?} is no job"),
    }
}

fn started(world: &mut World) -> Arc<Job> {
    ask(world, JobRequest::Start(Box::new(order()))).expect("nothing has this id")
}

/// A job that knows its first ten executions.
fn started_with_ten(world: &mut World) -> Arc<Job> {
    let job = started(world);
    let found = (0..10).map(execution).collect();
    ask(world, JobRequest::Progress(JobProgress { found, ..progress(&job, 0, 0) })).expect("it runs")
}

fn execution(number: u64) -> WorkflowExecution {
    WorkflowExecution { workflow_id: format!("w{number}"), run_id: format!("run {number}") }
}

fn progress(job: &Job, completed: u64, failed: u64) -> JobProgress {
    let (job, from, until) = (job.run.clone(), job.done(), job.found());
    JobProgress { job, from, until, completed, failed, found: Vec::new(), is_last: false }
}

fn stop() -> JobRequest {
    stop_after(None)
}

fn stop_after(last: Option<JobProgress>) -> JobRequest {
    JobRequest::Stop(StopJob { reason: "enough".into(), identity: "you".into(), last })
}

/// What becomes of three jobs, in turn: one comes to its end, one cannot go on, one is stopped.
pub(crate) const LINES: &[&str] = &[
    "job start",
    "job look",
    "job count",
    "job find",
    "job find",
    "job done",
    "job stale",
    "job last",
    "job remove",
    "job start",
    "job find",
    "job done",
    "job fail",
    "job remove",
    "job start",
    "job wake",
    "job stop",
    "job done",
    "job wake",
    "job remove",
];

/// One line of a scenario.
pub(crate) fn request(world: &World, line: &Line<'_>) -> Request {
    let blank = || Job::clone(&started(&mut self::world()));
    let job = world.table.job.clone().unwrap_or_else(blank);
    let work = |completed| JobRequest::Progress(progress(&job, completed, 0));
    let next = job.done() + job.page.len() as u64;
    Request::Job(match line.first() {
        "start" => JobRequest::Start(Box::new(order())),
        "look" => JobRequest::Look,
        "count" => JobRequest::Count(7),
        "find" => JobRequest::Progress(JobProgress { found: vec![execution(next)], ..progress(&job, 0, 0) }),
        "done" => work(1),
        "stale" => JobRequest::Progress(JobProgress { from: job.done() + 1, ..progress(&job, 0, 0) }),
        "last" => JobRequest::Progress(JobProgress { is_last: true, ..progress(&job, job.page.len() as u64, 0) }),
        "fail" => JobRequest::Fail("no such field".into()),
        "stop" => stop(),
        "remove" => JobRequest::Remove,
        "wake" => JobRequest::Wake,
        other => panic!("nothing like {other} is asked of a job"),
    })
}

fn counts(job: &Job) -> (Option<u64>, u64, u64) {
    (job.total, job.completed, job.failed)
}

#[test]
fn a_job_counts_what_was_done_and_ends_with_the_last() {
    let mut world = world();
    let job = started_with_ten(&mut world);
    assert_eq!((counts(&job), job.is_running()), ((None, 0, 0), true));
    let job = ask(&mut world, JobRequest::Count(7)).expect("it runs");
    let job = ask(&mut world, JobRequest::Progress(progress(&job, 3, 1))).expect("it runs");
    assert_eq!(counts(&job), (Some(7), 3, 1));
    world.now = world.now.after(Duration::from_secs(5));
    let last = JobProgress { is_last: true, ..progress(&job, 2, 0) };
    let job = ask(&mut world, JobRequest::Progress(last)).expect("it runs");
    let end = job.ended.clone().expect("that was the last");
    // One execution was gone when its turn came: the total is what was dealt with.
    assert_eq!((counts(&job), end.outcome, end.at), ((Some(6), 5, 1), JobOutcome::Completed, world.now));
}

#[test]
fn it_is_counted_once_how_many_there_are() {
    let mut world = world();
    started(&mut world);
    ask(&mut world, JobRequest::Count(7)).expect("it runs");
    assert_eq!(ask(&mut world, JobRequest::Count(9)).expect("it runs").total, Some(7));
}

#[test]
fn progress_is_taken_once_from_whoever_knows_where_the_job_stands() {
    let mut world = world();
    let job = started(&mut world);
    let page = JobProgress { found: (0..10).map(execution).collect(), ..progress(&job, 0, 0) };
    let job = ask(&mut world, JobRequest::Progress(page.clone())).expect("it stands at nothing");
    assert_eq!(job.after, Some("run 9".into()));
    assert_eq!(ask(&mut world, JobRequest::Progress(page)), Err(Refusal::TaskGone));
    assert_eq!(
        ask(&mut world, JobRequest::Progress(progress(&job, 9, 2))),
        Err(Refusal::TaskGone),
        "only ten are known"
    );
    let first = progress(&job, 2, 0);
    ask(&mut world, JobRequest::Progress(first.clone())).expect("it stands at nothing");
    assert_eq!(ask(&mut world, JobRequest::Progress(first.clone())), Err(Refusal::TaskGone));
    let of_another = JobProgress { job: "another".into(), from: 2, until: 10, ..first };
    assert_eq!(ask(&mut world, JobRequest::Progress(of_another)), Err(Refusal::TaskGone));
    let job = ask(&mut world, JobRequest::Look).expect("it is there");
    assert_eq!((job.completed, job.page.first()), (2, Some(&execution(2))));
}

#[test]
fn a_job_id_is_given_once_until_retention_is_over() {
    let mut world = world();
    let job = started(&mut world);
    let again = |world: &mut World| match ask(world, JobRequest::Start(Box::new(order()))) {
        Err(Refusal::AlreadyStarted { run, conflict, .. }) => (run, conflict),
        other => panic!("{other:?}"),
    };
    assert_eq!(again(&mut world), (job.run.clone(), StartConflict::Running));
    ask(&mut world, stop()).expect("it runs");
    assert_eq!(again(&mut world), (job.run.clone(), StartConflict::Finished));
    world.now = world.now.after(world.namespace.retention);
    let (transition, _) = world.request(Request::Job(JobRequest::Wake)).expect("it is due");
    assert!(matches!(transition.visibility.as_slice(), [VisibilityChange::Remove(run)] if *run == job.run));
    assert!(world.table.wakes.is_empty() && world.table.job.is_none());
    assert_eq!(ask(&mut world, JobRequest::Look), Err(Refusal::WorkflowNotFound));
    started(&mut world);
}

#[test]
fn what_was_under_way_when_a_job_was_stopped_still_counts() {
    let mut world = world();
    let job = started_with_ten(&mut world);
    ask(&mut world, JobRequest::Count(9)).expect("it runs");
    let stopped = ask(&mut world, stop()).expect("it runs");
    let how = JobOutcome::Stopped { reason: "enough".into(), identity: "you".into() };
    assert_eq!(stopped.ended.as_ref().map(|end| &end.outcome), Some(&how));
    assert_eq!(ask(&mut world, stop()), Err(Refusal::WorkflowClosed));
    let late = JobProgress { is_last: true, ..progress(&job, 4, 0) };
    let job = ask(&mut world, JobRequest::Progress(late)).expect("it had begun before");
    assert_eq!((counts(&job), &job.ended), ((Some(9), 4, 0), &stopped.ended));
    assert_eq!(ask(&mut world, JobRequest::Progress(progress(&job, 0, 0))), Err(Refusal::WorkflowClosed));
}

#[test]
fn what_was_done_last_counts_with_the_stop_or_not_at_all() {
    let mut world = world();
    let job = started_with_ten(&mut world);
    ask(&mut world, JobRequest::Count(9)).expect("it runs");
    let stale = JobProgress { from: 1, ..progress(&job, 4, 1) };
    assert_eq!(ask(&mut world, stop_after(Some(stale))), Err(Refusal::TaskGone));
    assert_eq!(ask(&mut world, stop_after(Some(progress(&job, 9, 2)))), Err(Refusal::TaskGone), "only ten are known");
    assert!(ask(&mut world, JobRequest::Look).expect("it is there").is_running());
    let stopped = ask(&mut world, stop_after(Some(progress(&job, 4, 1)))).expect("it runs");
    assert_eq!((counts(&stopped), stopped.is_running(), stopped.page.len()), ((Some(9), 4, 1), false, 0));
    world.lose_leader();
    assert_eq!(ask(&mut world, JobRequest::Look).expect("it is there"), stopped);
    assert_eq!(ask(&mut world, JobRequest::Progress(progress(&job, 4, 1))), Err(Refusal::TaskGone));
}

#[test]
fn those_of_a_list_are_found_before_they_are_dealt_with_and_found_once() {
    let mut world = world();
    let executions: Vec<_> =
        (0..3).map(|number| WorkflowExecution { run_id: String::new(), ..execution(number) }).collect();
    let listed = JobOrder { aim: Aim::Executions(executions), ..order() };
    let job = ask(&mut world, JobRequest::Start(Box::new(listed))).expect("nothing has this id");
    assert_eq!(ask(&mut world, JobRequest::Progress(progress(&job, 1, 0))), Err(Refusal::TaskGone), "none is known");
    // The second one has no run.
    let absent = WorkflowExecution { run_id: String::new(), ..execution(1) };
    let found = JobProgress { found: vec![execution(0), absent], ..progress(&job, 0, 0) };
    let job = ask(&mut world, JobRequest::Progress(found.clone())).expect("it runs");
    assert_eq!(ask(&mut world, JobRequest::Progress(found)), Err(Refusal::TaskGone));
    assert_eq!((job.found(), job.after.clone()), (2, None));
    let next = JobProgress { found: vec![execution(2)], ..progress(&job, 2, 0) };
    let job = ask(&mut world, JobRequest::Progress(next)).expect("it runs");
    assert_eq!((job.done(), job.page.as_slice()), (2, [execution(2)].as_slice()));
}

#[test]
fn what_cannot_go_on_ends_and_says_why() {
    let mut world = world();
    started(&mut world);
    let job = ask(&mut world, JobRequest::Fail("no such field".into())).expect("it runs");
    assert_eq!(job.ended.as_ref().map(|end| &end.outcome), Some(&JobOutcome::Failed { why: "no such field".into() }));
    assert_eq!(ask(&mut world, JobRequest::Count(1)), Err(Refusal::WorkflowClosed));
    assert_eq!(ask(&mut world, JobRequest::Fail("again".into())), Err(Refusal::WorkflowClosed));
}

#[test]
fn whoever_leads_next_is_told_of_running_jobs_alone() {
    let mut world = world();
    let told = |world: &mut World| {
        let (transition, _) = world.request(Request::Job(JobRequest::Wake)).expect("a wake is never refused");
        assert!(transition.rows.is_empty() && transition.visibility.is_empty());
        transition.effects.iter().any(|effect| matches!(effect, Effect::WorkOnJob))
    };
    let is_due = |world: &World| world.table.wakes.iter().any(|(run, at)| *run == job::wake_run() && *at <= world.now);
    assert!(!told(&mut world), "there is no job");
    started(&mut world);
    assert!(is_due(&world) && told(&mut world));
    world.lose_leader();
    assert!(is_due(&world) && told(&mut world));
    ask(&mut world, stop()).expect("it runs");
    assert!(!is_due(&world));
    assert!(!told(&mut world));
}

#[test]
fn lists_show_a_job_when_it_starts_and_when_it_ends() {
    let mut world = world();
    let shown = |world: &mut World, request| {
        let (transition, _) = world.request(Request::Job(request)).expect("it goes well");
        match transition.visibility.as_slice() {
            [VisibilityChange::Upsert(info)] => Some((info.status(), info.memo.clone().unwrap_or_default().fields)),
            [] => None,
            other => panic!("{other:?}"),
        }
    };
    let (status, memo) = shown(&mut world, JobRequest::Start(Box::new(order()))).expect("it is new");
    assert_eq!((status, memo["batch_operation_type"].data.as_slice()), (Status::Running, b"\"delete\"".as_slice()));
    assert!(!memo.contains_key("batch_operation_stats"));
    assert!(shown(&mut world, JobRequest::Count(2)).is_none());
    let job = ask(&mut world, JobRequest::Look).expect("it is there");
    let page = JobProgress { found: vec![execution(1), execution(2)], ..progress(&job, 0, 0) };
    assert!(shown(&mut world, JobRequest::Progress(page)).is_none());
    let job = ask(&mut world, JobRequest::Look).expect("it is there");
    let last = JobProgress { is_last: true, ..progress(&job, 1, 1) };
    let (status, memo) = shown(&mut world, JobRequest::Progress(last)).expect("it has ended");
    let stats = br#"{"NumSuccess":1,"NumFailure":1}"#.as_slice();
    assert_eq!((status, memo["batch_operation_stats"].data.as_slice()), (Status::Completed, stats));
}

#[test]
fn a_job_goes_with_its_namespace() {
    let mut world = world();
    assert!(world.request(Request::Job(JobRequest::Remove)).is_err());
    started(&mut world);
    world.request(Request::Job(JobRequest::Remove)).expect("it is there");
    assert!(world.table.wakes.is_empty());
    assert_eq!(ask(&mut world, JobRequest::Look), Err(Refusal::WorkflowNotFound));
}

/// What happens to a job that several work on.
#[derive(Clone, Debug)]
enum Step {
    /// A worker, which may know an old state of the job, tells of its work.
    Work {
        worker: usize,
        completed: u64,
        failed: u64,
        is_last: bool,
    },
    /// A worker looks how the job stands.
    Look(usize),
    LoseLeader,
    Stop,
    Pass(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3_usize, 0..4_u64, 0..2_u64, prop::bool::weighted(0.1))
            .prop_map(|(worker, completed, failed, is_last)| Step::Work { worker, completed, failed, is_last }),
        4 => (0..3_usize).prop_map(Step::Look),
        1 => Just(Step::LoseLeader),
        1 => Just(Step::Stop),
        2 => (1..2000_u64).prop_map(Step::Pass),
    ]
}

proptest! {
    #[test]
    fn what_was_taken_adds_up(steps in prop::collection::vec(any_step(), 1..40)) {
        let mut world = world();
        let first = started(&mut world);
        let (mut known, mut taken, mut next) = (vec![first; 3], (0, 0), 0);
        for step in steps {
            match step {
                Step::Work { worker, completed, failed, is_last } => {
                    let found = (next..next + 3).map(execution).collect();
                    let told = JobProgress { is_last, found, ..progress(&known[worker], completed, failed) };
                    if let Ok(job) = ask(&mut world, JobRequest::Progress(told)) {
                        taken = (taken.0 + completed, taken.1 + failed);
                        next += 3;
                        let first = (!job.page.is_empty()).then(|| execution(taken.0 + taken.1));
                        prop_assert_eq!(job.page.first(), first.as_ref());
                        known[worker] = job;
                    }
                }
                Step::Look(worker) => {
                    if let Ok(job) = ask(&mut world, JobRequest::Look) {
                        prop_assert_eq!((job.completed, job.failed), taken);
                        known[worker] = job;
                    }
                }
                Step::LoseLeader => world.lose_leader(),
                Step::Stop => drop(ask(&mut world, stop())),
                Step::Pass(seconds) => {
                    world.now = Timestamp(world.now.0 + i64::try_from(seconds).unwrap_or(0) * 1_000_000_000);
                    for _ in world.due() {
                        world.request(Request::Job(JobRequest::Wake)).expect("a wake is never refused");
                    }
                }
            }
        }
    }
}
