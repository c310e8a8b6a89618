//! Many runs of `PlanPatchPRWorkflow` at once on one worker, each on a repository of its own: none sees the files of
//! another, and the worker stays small. `WORKER_RUNS` says how many.

use anyhow::{Context, ensure};
use serde_json::json;
use weft_client::{Client, Close, ConnectOptions, Run, Start, Value as _};

use crate::{
    deliver,
    machine::{Machine, QUEUE},
    repository::{bare, git},
};

const MEBIBYTES_MAX: u64 = 200;

/// An agent that writes down what it sees of the run's own mark, and of all files around it.
const AGENT: &str = "roles.patch = \"agent\"\n\n[providers.agent]\nkind = \"command\"\n\
    words = [\"sh\", \"-c\", \"sed -i 's/ + 1//' shelf.py stock.py; cat mark-*.txt > seen.txt; echo Mended.\"]\n";

#[test]
fn runs_at_once_do_not_mix_and_the_worker_stays_small() -> anyhow::Result<()> {
    let runs: usize = std::env::var("WORKER_RUNS").map_or(Ok(4), |runs| runs.parse())?;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("agents.toml"), AGENT)?;
    let mut repositories = Vec::new();
    for number in 0..runs {
        let (own, mark) = (folder.path().join(number.to_string()), format!("mark-{number}.txt"));
        std::fs::create_dir(&own)?;
        let text = format!("{number}\n");
        repositories.push(bare(&own, &[deliver::FILES, &[(mark.as_str(), text.as_str())]].concat())?);
    }
    let machine = Machine::start(folder.path())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let options = ConnectOptions { address: machine.address().to_owned(), ..ConnectOptions::default() };
        let client = Client::connect(options).await?;
        for (number, repository) in repositories.iter().enumerate() {
            let request = json!({
                "repository": repository, "base": "main", "auto_merge": true,
                "requirement": "Fix what the shelf and the stock count",
            });
            let start = Start::new(format!("run-{number}"), "PlanPatchPRWorkflow", QUEUE);
            client.start(Start { input: vec![request.to_payload()?], ..start }).await?;
        }
        for number in 0..runs {
            let close = client.result(&Run::latest(format!("run-{number}"))).await?.close;
            ensure!(matches!(close, Close::Completed(_)), "run {number}: {close:?}");
        }
        anyhow::Ok(())
    })?;
    for (number, repository) in repositories.iter().enumerate() {
        assert_eq!(git(repository, &["show", "main:seen.txt"])?, number.to_string());
        let files = git(repository, &["ls-tree", "--name-only", "main"])?;
        let mark = format!("mark-{number}.txt");
        let expected = [&mark, "seen.txt", "shelf.py", "stock.py", "test_shelf.py", "test_stock.py"];
        assert_eq!(files.lines().collect::<Vec<_>>(), expected);
    }
    assert_eq!(machine.left_behind()?, 0);
    let peak = machine.worker_peak_mebibytes().context("the kernel says how large the worker was")?;
    println!("{runs} runs at once: the worker had {peak} MiB at most");
    assert!(peak < MEBIBYTES_MAX, "{peak} MiB");
    Ok(())
}
