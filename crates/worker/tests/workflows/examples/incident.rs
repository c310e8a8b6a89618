//! Incident swarm: a pool that is used up becomes a hotfix (example 1), and one of which nobody is sure an issue (example 2).

use std::collections::BTreeMap;

use weft::testing::TestEnv;
use weft_worker::{
    budget::Limits,
    model::{Alert, AlertSeverity, IncidentResult},
    quality::Bar,
    workflow::{IncidentRequest, IncidentSwarmWorkflow, seventy_percent},
};

use super::project::{developer, kept, number_next};
use crate::{
    lab::{QUEUE, house},
    shelf::Shelf,
};

const POOL: &str = "import pathlib\nimport tomllib\n\n\ndef size():\n    \
    return tomllib.loads(pathlib.Path(\"config/database.toml\").read_text())[\"pool\"][\"size\"]\n";
const TESTS: &str = "import unittest\n\nfrom app.pool import size\n\n\nclass Pool(unittest.TestCase):\n    \
    def test_a_pool_has_room(self):\n        self.assertGreaterEqual(size(), 100)\n\n    \
    def test_the_database_can_bear_it(self):\n        self.assertLessEqual(size(), 500)\n";

/// Connections go up steadily while traffic stays as it was, and the log says that they are refused.
const EXHAUSTED: &str = r#"#!/usr/bin/env python3
import json, sys

alert = json.load(sys.stdin)
assert alert["service"] == "api-service", alert
samples = lambda values: [{"at_seconds": 60.0 * at, "value": value} for at, value in enumerate(values)]
logs = [f"2024-01-15 14:31:{at:02} ERROR connection refused by db-1:5432 after 30{at} ms" for at in range(30)]
series = {
    "active_connections": samples([20.0 + 80.0 * at / 19 for at in range(20)]),
    "request_rate": samples([50.0] * 10 + [52.0] * 10),
}
print(json.dumps({"metrics": {"timeouts": 31.0}, "logs": logs, "series": series}))
"#;

/// A little speaks for each of three causes.
const UNCLEAR: &str = r#"#!/usr/bin/env python3
import json

inference = [{"at_seconds": 60.0 * at, "value": 20.0 + 40.0 * at / 19} for at in range(20)]
logs = ["WARN slow query on recommendations took 450 ms"] + ["ERROR deadline exceeded"] * 5
print(json.dumps({"metrics": {"cache_hit_rate": 0.4}, "logs": logs, "series": {"model_inference_ms": inference}}))
"#;

const ON_CALL: &str = r#"
sed -i 's/size = 100/size = 200/' config/database.toml
printf '[[alert]]\nmetric = "active_connections"\nabove = 160\n' > config/alerts.toml
printf '\n## Connection pool exhausted\n\nDouble `pool.size` in config/database.toml.\n' >> docs/runbook.md
echo "Doubled the pool."
"#;

fn service(context: &str) -> anyhow::Result<Shelf> {
    Shelf::of(&[
        (".weft/context", context),
        ("config/database.toml", "[pool]\nsize = 100\n"),
        ("docs/runbook.md", "# Runbook\n"),
        ("app/__init__.py", ""),
        ("app/pool.py", POOL),
        ("tests/__init__.py", ""),
        ("tests/test_pool.py", TESTS),
    ])
}

fn alert(id: &str, severity: AlertSeverity, service: &str, message: &str, timestamp: &str) -> Alert {
    Alert {
        id: id.to_owned(),
        severity,
        service: service.to_owned(),
        message: message.to_owned(),
        timestamp: timestamp.to_owned(),
        metrics: BTreeMap::new(),
        logs: Vec::new(),
        series: BTreeMap::new(),
    }
}

async fn resolved(shelf: &Shelf, alert: Alert) -> anyhow::Result<IncidentResult> {
    let env = TestEnv::start().await?;
    let worker = shelf.worker(&env, &developer(ON_CALL))?;
    let request = IncidentRequest {
        repository: shelf.path(),
        base: "main".to_owned(),
        alert,
        num_diagnostic_agents: 3,
        auto_fix: true,
        threshold: seventy_percent(),
        bar: Bar::default(),
        house: house(Limits::default()),
    };
    let run = env.client().start_workflow(IncidentSwarmWorkflow::run, request).id("alert").task_queue(QUEUE).await?;
    let result = run.result().await?;
    worker.shutdown().await?;
    env.shutdown().await;
    assert_eq!(shelf.worktrees()?, 0);
    Ok(result)
}

/// What a postmortem or an issue says.
fn text(address: &str) -> anyhow::Result<String> {
    Ok(std::fs::read_to_string(address.trim_start_matches("file://"))?)
}

#[tokio::test(flavor = "multi_thread")]
async fn example_1_database_connection_pool_exhaustion() -> anyhow::Result<()> {
    let shelf = service(EXHAUSTED)?;
    number_next(&shelf, 458)?;
    let (message, at) = ("Database connection pool exhausted", "2024-01-15T14:32:00Z");
    let mut alert = alert("alert-db-001", AlertSeverity::Critical, "api-service", message, at);
    let metrics = [
        ("error_rate", 15.5),
        ("response_time_p95", 5000.0),
        ("active_connections", 100.0),
        ("max_connections", 100.0),
    ];
    alert.metrics = metrics.map(|(name, value)| (name.to_owned(), value)).into();
    let result = resolved(&shelf, alert).await?;
    assert_eq!(result.alert_id, "alert-db-001");
    let consensus = &result.consensus;
    assert_eq!(consensus.root_cause, "Connection pool too small for traffic");
    assert!(consensus.confidence >= seventy_percent(), "{consensus:#?}");
    assert_eq!((consensus.supporting_diagnoses.len(), consensus.conflicting_diagnoses.len()), (2, 1));
    let dissent = &consensus.conflicting_diagnoses[0];
    assert_eq!(dissent.root_cause, "Database connection leak in service");
    assert!(
        dissent.evidence_for.iter().any(|it| it.statement.contains("active_connections goes steadily")),
        "{dissent:#?}"
    );
    assert!(result.fix_applied && !result.rollback_performed && result.manual_issue_url.is_none(), "{result:#?}");
    let hotfix = kept(result.hotfix_pr_url.as_deref().expect("there is one"))?;
    assert_eq!((&hotfix["number"], &hotfix["state"]), (&458.into(), &"open".into()));
    assert_eq!(hotfix["labels"], serde_json::json!(["automated", "hotfix", "severity:critical"]));
    assert!(hotfix["description"].as_str().is_some_and(|text| text.contains("Please review at once")), "{hotfix:#}");
    let show =
        |file: &str| shelf.asked(&["show", &format!("{}:{file}", hotfix["branch"].as_str().unwrap_or_default())]);
    assert_eq!(show("config/database.toml")?, "[pool]\nsize = 200");
    assert!(show("config/alerts.toml")?.contains("active_connections"));
    assert!(show("docs/runbook.md")?.contains("Connection pool exhausted"));
    let postmortem = text(&result.postmortem_url)?;
    for part in
        ["alert-db-001", "## Root cause", "## Timeline", "## Prevention", "Double the limit of the connection pool"]
    {
        assert!(postmortem.contains(part), "{part} is not in {postmortem}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn example_2_low_confidence_and_manual_intervention() -> anyhow::Result<()> {
    let shelf = service(UNCLEAR)?;
    let before = shelf.asked(&["for-each-ref"])?;
    let (message, at) = ("Elevated latency in recommendations", "2024-01-15T15:00:00Z");
    let alert = alert("alert-perf-002", AlertSeverity::High, "recommendation-engine", message, at);
    let result = resolved(&shelf, alert).await?;
    assert_eq!(result.alert_id, "alert-perf-002");
    let consensus = &result.consensus;
    assert_eq!(consensus.root_cause, "Cache invalidation issue", "{consensus:#?}");
    assert!(consensus.confidence < seventy_percent(), "{consensus:#?}");
    let others: Vec<&str> = consensus.conflicting_diagnoses.iter().map(|it| it.root_cause.as_str()).collect();
    assert_eq!(others, ["Database query slow", "ML model performance"]);
    assert!(!result.fix_applied && result.hotfix_pr_url.is_none() && !result.rollback_performed);
    let issue = text(result.manual_issue_url.as_deref().expect("there is one"))?;
    assert!(issue.contains("nobody is sure enough"), "{issue}");
    assert!(text(&result.postmortem_url)?.contains("Cache invalidation issue"));
    assert_eq!(shelf.asked(&["for-each-ref"])?, before);
    Ok(())
}
