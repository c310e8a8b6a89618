//! `wfctl workflow …`

mod ask;
mod end;
mod export;
mod fork;
mod list;
pub(crate) mod operate;
pub(crate) mod reset;
mod result;
mod show;
mod start;
pub(crate) mod target;
mod update;
mod verify;

use clap::Subcommand;

use crate::session::Connected;

pub(crate) use result::wait;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Start a workflow and return at once
    Start(start::Args),
    /// Start a workflow and wait for its result
    Execute(start::Args),
    /// Wait for the result of a workflow, over all its runs
    Result(result::Args),
    /// List workflows, the latest first
    List(list::ListArgs),
    /// Count workflows
    Count(list::CountArgs),
    /// Show the state of a run: status, pending activities, memo
    Describe(show::DescribeArgs),
    /// Show the history of a run as a tree, or event by event
    Show(show::ShowArgs),
    /// Write the history of a run to a file, with its head beside it
    Export(export::Args),
    /// Check that the stored history of a run is what was written
    Verify(verify::Args),
    /// Make a new workflow of a run's history up to an event, to try another future
    Fork(fork::Args),
    /// Send a signal to a running workflow
    Signal(ask::SignalArgs),
    /// Ask a workflow something; one of its workers answers
    Query(ask::QueryArgs),
    /// Update a running workflow, or wait for the result of an update
    #[command(subcommand)]
    Update(update::Verb),
    /// Stop a workflow for a while: no tasks for its workers, no timers, no timeouts
    Pause(operate::PauseArgs),
    /// Let a paused workflow go on
    Unpause(operate::UnpauseArgs),
    /// Change the priority of a running workflow
    UpdateOptions(operate::OptionsArgs),
    /// Ask a worker where the code of a workflow stands
    Stack(operate::StackArgs),
    /// Ask a workflow to cancel itself
    Cancel(end::CancelArgs),
    /// Go on from an earlier place of a workflow's history, in a new run
    Reset(reset::ResetArgs),
    /// End a workflow without asking it
    Terminate(end::TerminateArgs),
    /// Remove a run and its history
    Delete(end::DeleteArgs),
}

pub(crate) async fn run(session: &Connected, verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Start(args) => start::start(session, args).await,
        Verb::Execute(args) => start::execute(session, args).await,
        Verb::Result(args) => result::result(session, &args).await,
        Verb::List(args) => list::list(session, &args).await,
        Verb::Count(args) => list::count(session, &args).await,
        Verb::Describe(args) => show::describe(session, &args).await,
        Verb::Show(args) => show::show(session, &args).await,
        Verb::Export(args) => export::export(session, &args).await,
        Verb::Verify(args) => verify::verify(session, &args).await,
        Verb::Fork(args) => fork::fork(session, &args).await,
        Verb::Signal(args) => ask::signal(session, args).await,
        Verb::Query(args) => ask::query(session, args).await,
        Verb::Update(verb) => update::run(session, verb).await,
        Verb::Pause(args) => operate::pause(session, &args).await,
        Verb::Unpause(args) => operate::unpause(session, &args).await,
        Verb::UpdateOptions(args) => operate::update_options(session, args).await,
        Verb::Stack(args) => operate::stack(session, &args).await,
        Verb::Cancel(args) => end::cancel(session, &args).await,
        Verb::Reset(args) => reset::reset(session, args).await,
        Verb::Terminate(args) => end::terminate(session, &args).await,
        Verb::Delete(args) => end::delete(session, &args).await,
    }
}
