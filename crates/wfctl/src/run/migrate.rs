//! `wfctl run migrate`: a code base goes from one version of something to another.

use std::collections::BTreeSet;

use clap::{Args, ValueEnum};
use weft_worker::{
    model::{CheckKind, Percent},
    workflow::{CodeMigrationRequest, CodeMigrationWorkflow, tests},
};

use super::{Common, begin, house, percent, repository};
use crate::session::Connected;

#[derive(Args, Debug)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    common: Common,
    /// Rule pack: python3-migration, react-upgrade, rust-edition, or one of the repository's .weft/migrations
    #[arg(value_name = "PACK")]
    pack: String,
    /// Version that it is at
    #[arg(long, value_name = "VERSION")]
    from: String,
    /// Version that it is to be at
    #[arg(long, value_name = "VERSION")]
    to: String,
    /// Test all steps together at the end
    #[arg(long)]
    at_once: bool,
    /// Leave out a step that fails, and keep the others
    #[arg(long)]
    no_rollback: bool,
    /// With --no-rollback: more failures than this stop the line, in percent of all steps
    #[arg(long, value_name = "PERCENT", default_value = "25", value_parser = percent)]
    failures_max: Percent,
    /// Show the plan and wait for an approval
    #[arg(long)]
    approve_plan: bool,
    /// What a step is tested by; may be given several times [default: unit-tests, integration-tests]
    #[arg(long = "check", value_name = "CHECK", value_enum)]
    checks: Vec<Check>,
}

/// As the command line calls the checks.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Check {
    UnitTests,
    IntegrationTests,
    Lint,
    Security,
    Coverage,
    Performance,
    Dependencies,
    StaticAnalysis,
}

impl Check {
    fn kind(self) -> CheckKind {
        match self {
            Self::UnitTests => CheckKind::UnitTests,
            Self::IntegrationTests => CheckKind::IntegrationTests,
            Self::Lint => CheckKind::Lint,
            Self::Security => CheckKind::Security,
            Self::Coverage => CheckKind::Coverage,
            Self::Performance => CheckKind::Performance,
            Self::Dependencies => CheckKind::Dependencies,
            Self::StaticAnalysis => CheckKind::StaticAnalysis,
        }
    }
}

pub(super) async fn migrate(session: &Connected, args: MigrateArgs) -> anyhow::Result<()> {
    let checks: BTreeSet<CheckKind> = args.checks.iter().map(|check| check.kind()).collect();
    let request = CodeMigrationRequest {
        repository: repository(&args.common.repo)?,
        base: args.common.base.clone(),
        migration_type: args.pack,
        source_version: args.from,
        target_version: args.to,
        incremental: !args.at_once,
        auto_rollback: !args.no_rollback,
        approve_plan: args.approve_plan,
        failure_rate_max: args.failures_max,
        checks: if checks.is_empty() { tests() } else { checks },
        house: house(&args.common)?,
    };
    begin(session, &args.common, "migrate", CodeMigrationWorkflow::run, request).await
}
