//! Which workflow is meant.

use weft_client::Run;

use crate::batch;

#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Target {
    /// The workflow
    #[arg(value_name = "WORKFLOW_ID", required_unless_present = "workflow_id")]
    id: Option<String>,
    /// The workflow, for those used to the option
    #[arg(short, long = "workflow-id", value_name = "WORKFLOW_ID", conflicts_with = "id", hide = true)]
    workflow_id: Option<String>,
    /// One of its runs [default: the latest]
    #[arg(short, long, value_name = "RUN_ID", default_value = "", hide_default_value = true)]
    run_id: String,
}

impl Target {
    pub(crate) fn run(&self) -> Run {
        // One of the two is there: clap sees to it.
        let workflow_id = self.id.clone().or_else(|| self.workflow_id.clone()).unwrap_or_default();
        Run { workflow_id, run_id: self.run_id.clone() }
    }
}

/// One workflow, or all that a filter finds.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Several {
    /// The workflow
    #[arg(value_name = "WORKFLOW_ID", required_unless_present_any = ["workflow_id", "query"], conflicts_with = "query")]
    id: Option<String>,
    /// The workflow, for those used to the option
    #[arg(short, long = "workflow-id", value_name = "WORKFLOW_ID", conflicts_with_all = ["id", "query"], hide = true)]
    workflow_id: Option<String>,
    /// One of its runs [default: the latest]
    #[arg(short, long, value_name = "RUN_ID", conflicts_with = "query")]
    run_id: Option<String>,
    #[command(flatten)]
    pub(crate) batch: batch::Options,
}

impl Several {
    pub(crate) fn run(&self) -> Run {
        // One of the two is there where there is no query: clap sees to it.
        let workflow_id = self.id.clone().or_else(|| self.workflow_id.clone()).unwrap_or_default();
        Run { workflow_id, run_id: self.run_id.clone().unwrap_or_default() }
    }
}
