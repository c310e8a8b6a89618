//! The verbs and the options that all of them take.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{
    activity, backup, batch, cluster, completion, demo, dev, doctor, namespace,
    output::{ColorWhen, Format},
    quarantine, run, schedule, search_attribute, start_dev, task_queue,
    tls::TlsArgs,
    transcript, worker, workflow,
};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the server refused: no such workflow, wrong state, wrong value; or a check failed
  2  the command is wrong: unknown option, input that is not JSON, settings that cannot be used
  3  nobody answers at the address
  4  the workflow was waited for and did not complete: it failed, was canceled or terminated, or timed out

Where the address and the namespace come from, the first that is set:
  --address, --namespace
  WEFT_ADDRESS, WEFT_NAMESPACE
  TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE
  the profile (TEMPORAL_PROFILE, or \"default\") in temporal.toml (TEMPORAL_CONFIG_FILE)
  127.0.0.1:7233 and \"default\"

Examples:
  wfctl dev
  wfctl workflow execute Greet --task-queue greetings --input '\"Ada\"'
  wfctl workflow list --query 'ExecutionStatus = \"Running\"'
  wfctl workflow show order-17 --follow
  wfctl doctor

For SDKs that start a server for tests, by the path of this program:
  wfctl server start-dev …                the flags of Temporal's command line
  wfctl PORT [--enable-time-skipping]     as Temporal's test server: time is skipped";

/// Start, watch and steer durable workflows
#[derive(Debug, Parser)]
#[command(name = "wfctl", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What every verb takes.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Global {
    /// Server: HOST:PORT
    #[arg(long, global = true, value_name = "HOST:PORT", help_heading = "Connection")]
    pub(crate) address: Option<String>,
    /// Namespace of the workflows
    #[arg(short, long, global = true, value_name = "NAME", help_heading = "Connection")]
    pub(crate) namespace: Option<String>,
    /// API key, sent as a bearer token; better given in WEFT_API_KEY or TEMPORAL_API_KEY
    #[arg(long, global = true, value_name = "KEY", help_heading = "Connection")]
    pub(crate) api_key: Option<String>,
    /// Profile of temporal.toml
    #[arg(long, global = true, value_name = "NAME", help_heading = "Connection")]
    pub(crate) profile: Option<String>,
    /// Another temporal.toml
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection")]
    pub(crate) config_file: Option<PathBuf>,
    /// Operations port of the server, for the cluster, names of queues, quarantine and doctor; https://HOST:PORT where it
    /// speaks TLS; its key is given in WEFT_OPERATIONS_API_KEY [default: the address, 47 ports up]
    #[arg(long, global = true, value_name = "HOST:PORT", help_heading = "Connection")]
    pub(crate) operations: Option<String>,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
    /// Tables for people, or JSON for programs
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) output: Format,
    /// Colours; by itself only on terminals, and not where NO_COLOR is set
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", help_heading = "Output")]
    pub(crate) color: ColorWhen,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run a server here, with everything on, for developing
    Dev(dev::Args),
    /// Run a server here as Temporal's command line does, for SDKs and scripts
    #[command(subcommand)]
    Server(start_dev::Verb),
    /// See a fault become a pull request, here and now; with --crash, through kill -9
    Demo(demo::Args),
    /// Run the workflows of the software-engineering worker
    #[command(subcommand)]
    Run(Box<run::Verb>),
    /// Say yes to what a run asks
    #[command(
        after_help = "Examples:\n  wfctl approve quality-gate-1a2b3c4d\n  wfctl approve quality-gate-1a2b3c4d --request budget/attempts"
    )]
    Approve(run::AnswerArgs),
    /// Say no to what a run asks
    #[command(after_help = "Example:\n  wfctl reject quality-gate-1a2b3c4d --note 'too much at once'")]
    Reject(run::AnswerArgs),
    /// Stop a run; it undoes what it has done
    #[command(after_help = "Example:\n  wfctl abort quality-gate-1a2b3c4d --reason 'wrong repository'")]
    Abort(run::AbortArgs),
    /// Let a run go on that has used up its budget, or that came to nothing
    #[command(after_help = "Example:\n  wfctl resume quality-gate-1a2b3c4d --attempts 20")]
    Resume(run::ResumeArgs),
    /// See what a run has spent, and what it may spend
    #[command(after_help = "Example:\n  wfctl budget quality-gate-1a2b3c4d")]
    Budget(run::BudgetArgs),
    /// See what agents and checks of a run say, as they say it
    #[command(
        after_help = "Examples:\n  wfctl transcript plan-patch-pr-1a2b3c4d --follow\n  wfctl transcript plan-patch-pr-1a2b3c4d --step patch/issue-1/1"
    )]
    Transcript(transcript::TranscriptArgs),
    /// Start, watch, signal, query and end workflows
    #[command(subcommand, visible_alias = "wf")]
    Workflow(Box<workflow::Verb>),
    /// Do one thing to many workflows, on the server
    #[command(subcommand)]
    Batch(Box<batch::Verb>),
    /// Start workflows by schedules: see, make, pause, trigger and change them
    #[command(subcommand)]
    Schedule(schedule::Verb),
    /// Pause, change and finish pending activities of a workflow
    #[command(subcommand)]
    Activity(Box<activity::Verb>),
    /// See, make and change namespaces
    #[command(subcommand)]
    Namespace(namespace::Verb),
    /// Register, see and take away the names that lists can be filtered by
    #[command(subcommand)]
    SearchAttribute(search_attribute::Verb),
    /// See who polls a task queue and how much waits there, and set how fast it goes
    #[command(subcommand)]
    TaskQueue(task_queue::Verb),
    /// See the workers that send heartbeats
    #[command(subcommand)]
    Worker(worker::Verb),
    /// See the nodes of a cluster, and who leads what
    #[command(subcommand)]
    Cluster(cluster::Verb),
    /// See and release executions that were set aside because an invariant broke
    #[command(subcommand)]
    Quarantine(quarantine::Verb),
    /// Find out what is wrong
    Doctor(doctor::Args),
    /// Copy the data directory of a stopped server
    Backup(backup::BackupArgs),
    /// Put a backup in place as a data directory
    Restore(backup::RestoreArgs),
    /// Print completions for a shell
    Completion(completion::Args),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_has_an_example() {
        fn walk(command: &clap::Command, path: &str, without: &mut Vec<String>) {
            let path = format!("{path} {}", command.get_name());
            let verbs: Vec<_> = command.get_subcommands().collect();
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            if verbs.is_empty() && !help.contains("Example") {
                without.push(path.clone());
            }
            verbs.into_iter().for_each(|verb| walk(verb, &path, without));
        }
        let mut without = Vec::new();
        walk(&Cli::command(), "", &mut without);
        assert_eq!(without, Vec::<String>::new());
    }
}
