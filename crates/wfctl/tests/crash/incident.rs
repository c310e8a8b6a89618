//! `IncidentSwarmWorkflow` through crashes: one that ends with a hotfix, and one whose fix is rolled back.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    deliver::{FILES, MENDS, SPOILS},
    machine::Victim,
    play::{CHILD, Phase},
    scene::{Scene, nothing},
};

fn request(repository: &Path) -> Value {
    let log = "ERROR could not get a connection from the pool: 100 of 100 connections in use";
    json!({
        "repository": repository, "base": "main", "auto_fix": true,
        "alert": {
            "id": "alert-db-001", "severity": "critical", "service": "api-service",
            "message": "Database connection pool exhausted", "timestamp": "2024-01-15T14:32:00Z",
            "metrics": { "active_connections": 100.0, "max_connections": 100.0, "error_rate": 15.5 },
            "logs": [log, log, log, log, log],
        },
    })
}

const PHASES: [Phase; 10] = [
    ("diagnose", 2),
    ("publish", 1),
    ("gather_context", 1),
    ("diagnose", 1),
    ("diagnose", 3),
    ("patch", 1),
    ("make_branch", 1),
    (CHILD, 1),
    ("keep_document", 1),
    ("tidy", 1),
];

#[test]
fn an_incident_outlives_its_worker_and_its_server_in_each_phase() -> anyhow::Result<()> {
    let scene = Scene { workflow: "IncidentSwarmWorkflow", files: FILES, agents: MENDS, prepare: nothing, request };
    let ended = scene.outlives(&PHASES, &[Victim::Both.at(("diagnose", 2)), Victim::Server.at(("publish", 1))])?;
    let result = &ended.played.result;
    assert_eq!((&result["fix_applied"], &result["rollback_performed"]), (&json!(true), &json!(false)), "{result}");
    Ok(())
}

#[test]
fn a_rollback_outlives_them_too() -> anyhow::Result<()> {
    let scene = Scene { workflow: "IncidentSwarmWorkflow", files: FILES, agents: SPOILS, prepare: nothing, request };
    // The issue first, and then the postmortem.
    let phases = [("remove_branch", 1), ("keep_document", 1), ("keep_document", 2)];
    let ended = scene.outlives(&phases, &[Victim::Both.at(("remove_branch", 1))])?;
    let result = &ended.played.result;
    assert_eq!((&result["fix_applied"], &result["rollback_performed"]), (&json!(false), &json!(true)), "{result}");
    Ok(())
}
