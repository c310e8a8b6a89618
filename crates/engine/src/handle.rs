//! One request, from its arrival to what it did.
//!
//! Invariant: an error leaves the workflow as it was, to the byte; an answer comes with everything that changed.
//! What this file does not do: decide. Each arm is one function of one family.

use crate::{
    activity, answer::Answer, bounds::TooLarge, cancel, change::Change, deadline, delete, deliver, fork, job,
    moment::Moment, operate, query, refusal::Refusal, replied, request::Request, reset, schedule, settle, signal,
    start, state::Workflow, terminate, transition::Transition, update, workflow_task,
};

/// Carries out a request, or refuses it and changes nothing.
///
/// # Errors
/// A [`Refusal`], with the workflow exactly as it was.
pub fn handle(workflow: &mut Workflow, request: Request, at: &Moment<'_>) -> Result<(Transition, Answer), Refusal> {
    let too_large = TooLarge::of(&request);
    let mut change = Change::begin(workflow, at);
    let outcome = dispatch(&mut change, request).and_then(|answer| {
        let outgrown = settle::settle(&mut change, &too_large)?;
        Ok(outgrown.map_or(answer, |why| Answer::Outgrown { why }))
    });
    match outcome {
        Ok(answer) => Ok((change.finish(), answer)),
        Err(refusal) => {
            change.undo();
            Err(refusal)
        }
    }
}

fn dispatch(change: &mut Change<'_>, request: Request) -> Result<Answer, Refusal> {
    match request {
        Request::Start(body) => start::start(change, *body),
        Request::SignalWithStart(body, signal) => start::signal_with_start(change, *body, signal),
        Request::Fork(body) => fork::fork(change, *body),
        Request::Signal(target, body) => signal::receive(change, &target, body),
        Request::Cancel(target, body) => cancel::request(change, &target, body),
        Request::Terminate(target, body) => terminate::terminate(change, &target, body),
        Request::Delete(target, identity) => delete::delete(change, &target, &identity),
        Request::Query(target, body) => query::ask(change, &target, &body),
        Request::ForgetQuery(run, id) => query::forget(change, &run, id),
        Request::Update(target, body) => update::admit::admit(change, &target, body),
        Request::FindUpdate(target, id) => update::admit::find(change, &target, &id),
        Request::UpdateWithStart(start, body) => update::start::update_with_start(change, *start, body),
        Request::Operate(target, operation) => operate::operate(change, &target, *operation),
        Request::OperateOnce(target, request, operation) => operate::once(change, &target, &request, *operation),
        Request::ResetSticky(target) => workflow_task::sticky::reset(change, &target),
        Request::Reset(target, body) => reset::reset(change, &target, *body),
        Request::StartWorkflowTask(body) => workflow_task::start::start(change, &body),
        Request::CompleteWorkflowTask(body) => workflow_task::complete::complete(change, *body),
        Request::FailWorkflowTask(body) => workflow_task::fail::reported(change, *body),
        Request::GiveBackWorkflowTask(token, request) => workflow_task::start::give_back(change, &token, &request),
        Request::StickyUnavailable(run, scheduled) => workflow_task::sticky::unavailable(change, &run, scheduled),
        Request::StartActivityTask(body) => activity::start(change, &body),
        Request::CompleteActivity(which, identity, result) => activity::complete(change, &which, &identity, result),
        Request::FailActivity(which, body) => activity::fail(change, &which, *body),
        Request::CancelActivity(which, identity, details) => activity::cancel(change, &which, &identity, details),
        Request::Heartbeat(which, identity, details) => activity::heartbeat(change, &which, &identity, details),
        Request::GiveBackActivityTask(token, request) => activity::give_back(change, &token, &request),
        Request::Wake(run) => deadline::wake(change, &run),
        Request::Deliver(delivery) => deliver::deliver(change, &delivery),
        Request::Replied(replied) => replied::record(change, &replied),
        Request::Job(request) => job::handle(change, request),
        Request::Schedule(request) => schedule::ask(change, *request),
    }
}
