//! What people tell and ask every run, whatever it does: the same signals and queries for all workflows with a desk.
//!
//! A signal that comes to nothing is told of on the timeline.

use std::marker::PhantomData;

use weft::{
    Ctx, Handlers,
    client::{QueryDefinition, SignalDefinition, WorkflowDefinition},
};

use super::{AtDesk, tell};
use crate::{
    approval::{Answer, Approvals, Note, Taken},
    budget::{BudgetReport, Ceiling},
    progress::{Progress, Status, Timeline},
};

/// A call by the name that it has on the wire, to any workflow.
macro_rules! calls {
    ($($definition:ident $marker:ident $name:literal $arguments:ty $(=> $output:ty)?;)*) => {$(
        #[doc = concat!("`", $name, "`")]
        pub struct $marker<W>(PhantomData<fn() -> W>);

        impl<W: WorkflowDefinition> $definition for $marker<W> {
            type Workflow = W;
            type Args = $arguments;
            $(type Output = $output;)?
            const NAME: &'static str = $name;
        }
    )*};
}

calls! {
    SignalDefinition Approve "approve" (Answer,);
    SignalDefinition Reject "reject" (Answer,);
    SignalDefinition Abort "abort" (String,);
    SignalDefinition AddContext "add_context" (Note,);
    SignalDefinition Resume "resume" (Ceiling,);
    QueryDefinition GetStatus "status" () => Status;
    QueryDefinition GetProgress "progress" () => Progress;
    QueryDefinition GetTimeline "timeline" () => Timeline;
    QueryDefinition GetBudget "budget" () => BudgetReport;
}

/// A workflow at whose desk somebody sits: what it is signalled and asked, as if it stood in its own impl block.
#[expect(non_upper_case_globals, reason = "they stand for handlers of these names, as the macro's own do")]
pub trait Attended: AtDesk + WorkflowDefinition + Sized {
    /// Yes to the open question.
    const approve: Approve<Self> = Approve(PhantomData);
    /// No to it.
    const reject: Reject<Self> = Reject(PhantomData);
    /// Stops the run, for a reason; it undoes what it has done.
    const abort: Abort<Self> = Abort(PhantomData);
    /// Something for the agents to know.
    const add_context: AddContext<Self> = AddContext(PhantomData);
    /// It may spend so much more, and goes on where it has stopped.
    const resume: Resume<Self> = Resume(PhantomData);
    const status: GetStatus<Self> = GetStatus(PhantomData);
    const progress: GetProgress<Self> = GetProgress(PhantomData);
    const timeline: GetTimeline<Self> = GetTimeline(PhantomData);
    /// Wall time is that of the last thing that happened.
    const budget: GetBudget<Self> = GetBudget(PhantomData);
}

impl<W: AtDesk + WorkflowDefinition> Attended for W {}

/// For `#[workflow(with = desk::handlers)]`.
#[must_use]
pub fn handlers<S: Attended>(handlers: Handlers<S>) -> Handlers<S> {
    handlers
        .signal_async::<Approve<S>, _>(|ctx, (answer,)| async move {
            take(&ctx, "an approval", |approvals| approvals.approve(answer));
            Ok(())
        })
        .signal_async::<Reject<S>, _>(|ctx, (answer,)| async move {
            take(&ctx, "a rejection", |approvals| approvals.reject(answer));
            Ok(())
        })
        .signal_async::<Abort<S>, _>(|ctx, (reason,)| async move {
            tell(&ctx, format!("abort: {reason}"));
            ctx.with_mut(|state| state.desk_mut().approvals.abort(reason));
            Ok(())
        })
        .signal_async::<AddContext<S>, _>(|ctx, (note,)| async move {
            let kept = ctx.with_mut(|state| state.desk_mut().approvals.add_context(note));
            tell(&ctx, if kept { "context was added" } else { "context was ignored: there are too many notes" });
            Ok(())
        })
        .signal_async::<Resume<S>, _>(|ctx, (by,)| async move {
            tell(&ctx, "resumed");
            ctx.with_mut(|state| {
                let desk = state.desk_mut();
                desk.budget.raise(by);
                desk.resumed += 1;
            });
            Ok(())
        })
        .query::<GetStatus<S>>(|state, ()| Ok(state.desk().progress.status))
        .query::<GetProgress<S>>(|state, ()| Ok(state.desk().progress.clone()))
        .query::<GetTimeline<S>>(|state, ()| Ok(state.desk().timeline.clone()))
        .query::<GetBudget<S>>(|state, ()| {
            let desk = state.desk();
            Ok(desk.budget.report(desk.timeline.entries.back().map_or(0, |entry| entry.at_ms)))
        })
}

fn take<S: AtDesk>(ctx: &Ctx<S>, what: &str, give: impl FnOnce(&mut Approvals) -> Taken) {
    let taken = ctx.with_mut(|state| give(&mut state.desk_mut().approvals));
    if let Taken::Ignored { why } = taken {
        tell(ctx, format!("{what} was ignored: {why}"));
    }
}
