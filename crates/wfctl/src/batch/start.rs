//! `wfctl batch start …`: every kind of batch operation that the server has, by its name.

use clap::{Args, Subcommand};
use weft_client::{BatchOperation, Signal};

use super::{Options, begin};
use crate::{activity, exit::Failure, input::Input, session::Connected, workflow};

#[derive(Debug, Subcommand)]
#[command(after_help = "There is none that pauses: workflows and activities are paused one by one.\n\nExamples:\n  \
    wfctl batch start terminate --query 'WorkflowType = \"Order\"' --reason 'wrong prices'\n  \
    wfctl batch start signal --name retry --query 'TaskQueue = \"orders\"' --reason retry --rps 5 --yes --wait\n  \
    wfctl batch start reset --to last --query 'BuildIds = \"unversioned:bad\"' --reason 'fixed the bug'")]
pub(crate) enum Verb {
    /// End workflows without asking them
    #[command(
        after_help = "Example:\n  wfctl batch start terminate --query 'WorkflowType = \"Order\"' --reason 'wrong prices'"
    )]
    Terminate(Common),
    /// Ask workflows to cancel themselves
    #[command(
        after_help = "Example:\n  wfctl batch start cancel --query 'WorkflowType = \"Order\"' --reason 'wrong prices'"
    )]
    Cancel(Common),
    /// Send a signal to running workflows
    #[command(
        after_help = "Example:\n  wfctl batch start signal --name retry --query 'TaskQueue = \"orders\"' --reason retry"
    )]
    Signal(SignalArgs),
    /// Remove runs and their histories
    #[command(
        after_help = "Example:\n  wfctl batch start delete --query 'ExecutionStatus = \"Failed\"' --reason 'looked at'"
    )]
    Delete(Common),
    /// Go on from an earlier workflow task, in new runs
    #[command(
        after_help = "Example:\n  wfctl batch start reset --to last --query 'WorkflowType = \"Order\"' --reason 'fixed the bug'"
    )]
    Reset(ResetArgs),
    /// Change options of running workflows
    #[command(
        after_help = "Example:\n  wfctl batch start update-options --priority-key 1 --query 'WorkflowType = \"Order\"' --reason urgent"
    )]
    UpdateOptions(OptionsArgs),
    /// Let paused activities go on
    #[command(
        after_help = "Example:\n  wfctl batch start unpause-activities --type Charge --query 'WorkflowType = \"Order\"' --reason 'bank is back'"
    )]
    UnpauseActivities(UnpauseArgs),
    /// Let pending activities begin again with their first attempt
    #[command(
        after_help = "Example:\n  wfctl batch start reset-activities --all --query 'WorkflowType = \"Order\"' --reason 'bank is back'"
    )]
    ResetActivities(ResetActivitiesArgs),
    /// Change options of pending activities
    #[command(
        after_help = "Example:\n  wfctl batch start update-activity-options --all -t slow --query 'WorkflowType = \"Order\"' --reason move"
    )]
    UpdateActivityOptions(ActivityOptionsArgs),
}

/// What each of them is told.
#[derive(Args, Debug)]
pub(crate) struct Common {
    #[command(flatten)]
    options: Options,
    /// Why; it stands in the histories and with the job
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Args, Debug)]
pub(crate) struct SignalArgs {
    #[command(flatten)]
    common: Common,
    /// The signal's name
    #[arg(long, value_name = "NAME")]
    name: String,
    #[command(flatten)]
    input: Input,
}

#[derive(Args, Debug)]
pub(crate) struct ResetArgs {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    how: workflow::reset::OfSeveral,
}

#[derive(Args, Debug)]
pub(crate) struct OptionsArgs {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    new: workflow::operate::NewOptions,
}

#[derive(Args, Debug)]
pub(crate) struct UnpauseArgs {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    which: activity::AllOrType,
    #[command(flatten)]
    how: activity::HowToUnpause,
}

#[derive(Args, Debug)]
pub(crate) struct ResetActivitiesArgs {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    which: activity::AllOrType,
    #[command(flatten)]
    how: activity::HowToReset,
}

#[derive(Args, Debug)]
pub(crate) struct ActivityOptionsArgs {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    which: activity::AllOrType,
    #[command(flatten)]
    how: activity::HowToUpdate,
}

pub(super) async fn run(session: &Connected, verb: Verb) -> anyhow::Result<()> {
    let (common, operation) = match verb {
        Verb::Terminate(common) => (common, BatchOperation::Terminate),
        Verb::Cancel(common) => (common, BatchOperation::Cancel),
        Verb::Delete(common) => (common, BatchOperation::Delete),
        Verb::Signal(args) => {
            let signal = Signal { name: args.name, input: args.input.payloads()?, ..Signal::default() };
            (args.common, BatchOperation::Signal(signal))
        }
        Verb::Reset(args) => (args.common, args.how.operation()?),
        Verb::UpdateOptions(args) => {
            let (options, paths) = args.new.wire();
            (args.common, BatchOperation::UpdateOptions(options, paths))
        }
        Verb::UnpauseActivities(args) => {
            (args.common, BatchOperation::UnpauseActivities(args.which.of_several(), args.how.wire()))
        }
        Verb::ResetActivities(args) => {
            (args.common, BatchOperation::ResetActivities(args.which.of_several(), args.how.wire()))
        }
        Verb::UpdateActivityOptions(args) => {
            (args.common, BatchOperation::UpdateActivities(args.which.of_several(), args.how.wire()?))
        }
    };
    let Some(query) = &common.options.query else {
        return Err(Failure::usage("say which workflows: --query FILTER").into());
    };
    begin(session, query, &common.options, operation, &common.reason).await
}
