//! What all tests here need: outcomes of checks, and requests.

use std::time::Duration;

use weft::{Error, testing::TestEnv};
use weft_worker::{
    approval::Patience,
    budget::Limits,
    model::{CheckOutcome, CheckReport, Counts, Percent, Verdict},
    progress::Status,
    quality::Bar,
    workflow::{GateRequest, desk::House},
};

pub(crate) const QUEUE: &str = "swe";

pub(crate) fn gate(limits: Limits) -> GateRequest {
    GateRequest {
        repository: "/srv/shop".to_owned(),
        branch: "feature/lamp".to_owned(),
        base: "main".to_owned(),
        pr_number: Some(7),
        attempt_auto_fix: true,
        bar: Bar::default(),
        house: house(limits),
    }
}

/// Reminds every hour, and gives up after five half hours.
pub(crate) fn house(limits: Limits) -> House {
    let patience = Patience { remind_after_seconds: 3600, give_up_after_seconds: 9000 };
    House { limits, patience, ..House::default() }
}

pub(crate) fn ran(verdict: Verdict, summary: &str) -> CheckReport {
    let (summary, command) = (summary.to_owned(), "true".to_owned());
    CheckReport { verdict, summary, command, tests: None, coverage: None, findings: Vec::new(), duration_ms: 1 }
}

pub(crate) fn passed() -> CheckOutcome {
    CheckOutcome::Ran(ran(Verdict::Passed, "fine"))
}

pub(crate) fn tests(passed: u64, failed: u64) -> CheckOutcome {
    let verdict = if failed == 0 { Verdict::Passed } else { Verdict::Failed };
    let tests = Some(Counts { passed, failed, skipped: 0 });
    CheckOutcome::Ran(CheckReport { tests, ..ran(verdict, &format!("{failed} test failures")) })
}

pub(crate) fn covered(percent: f64) -> CheckOutcome {
    CheckOutcome::Ran(CheckReport { coverage: Percent::new(percent), ..ran(Verdict::Passed, "") })
}

/// The kind of what a workflow failed with.
pub(crate) fn kind(error: impl Into<Error>) -> String {
    let error: Error = error.into();
    error.root().application_kind().unwrap_or_else(|| panic!("{error:?} has no kind")).to_owned()
}

/// Asks again and again, an hour apart in the workflow's time, until the run stands like this.
pub(crate) async fn until<E: std::fmt::Debug>(
    env: &TestEnv,
    wanted: Status,
    status: impl AsyncFn() -> Result<Status, E>,
) {
    for _ in 0..100 {
        if status().await.expect("the query is answered") == wanted {
            return;
        }
        env.sleep(Duration::from_secs(1)).await;
    }
    panic!("it never came to {wanted:?}");
}
