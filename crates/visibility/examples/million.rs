//! Fills an index with a million executions and prints what writing one costs and how long the usual lists and counts
//! take. `cargo run --release -p weft-visibility --example million [rows] [folder]`
//!
//! It fills through the same batches as a server does: starts, then closes, thousands at a time. The figures are of this
//! machine and this moment; what they are compared with are the ceilings that the project has set itself.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::Context as _;
use prost::Message as _;
use weft_env::{Clock as _, RealClock};
use weft_protocol::api::common::{Payload, SearchAttributes};
use weft_visibility::attribute::Type;
use weft_visibility::{Batch, Change, Index, PageRequest, Record, Schema, Status, parse};

const BATCH: usize = 4_096;
const SECOND: i64 = 1_000_000_000;
const TYPES: [&str; 10] =
    ["Order", "Payment", "Refund", "Ship", "Invoice", "Notify", "Import", "Export", "Sync", "Audit"];

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let rows: usize = arguments.next().map_or(Ok(1_000_000), |rows| rows.parse())?;
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let path = folder.join(format!("weft-million-{}.sqlite", std::process::id()));
    let mut index = Index::open(&path)?;

    let clock = RealClock::new();
    let mut position = 0;
    let mut write = |what: &str, index: &mut Index, change: &dyn Fn(usize) -> Record| -> anyhow::Result<()> {
        let before = clock.monotonic();
        for from in (0..rows).step_by(BATCH) {
            let mut batch = Batch::default();
            position += 1;
            batch.add(0, position, (from..rows.min(from + BATCH)).map(|i| Change::Upsert(Box::new(change(i)))));
            index.apply_batch(&batch)?;
        }
        let micros = (clock.monotonic() - before).as_secs_f64() * 1e6 / rows as f64;
        println!("{what:<58} {micros:8.2} us each");
        Ok(())
    };
    write("start without search attributes, then", &mut index, &|i| started(i, false))?;
    write("close (every twentieth stays open, one in 20 has attributes)", &mut index, &closed)?;
    println!("file: {} MiB", std::fs::metadata(&path)?.len() >> 20);

    let schema = Schema::with_custom([
        ("Customer".to_owned(), Type::Keyword),
        ("Region".to_owned(), Type::Keyword),
        ("Amount".to_owned(), Type::Int),
    ]);
    let reader = index.reader()?;
    let day = |share: f64| (share * rows as f64) as i64 * SECOND;
    let lists = [
        String::new(),
        "WorkflowType = 'Order' AND ExecutionStatus = 'Completed'".to_owned(),
        "WorkflowType = 'Order' AND ExecutionStatus = 'Failed'".to_owned(),
        "WorkflowType = 'Order'".to_owned(),
        "ExecutionStatus = 'Running'".to_owned(),
        "ExecutionStatus = 'Failed'".to_owned(),
        "Customer = 'customer-17'".to_owned(),
        "Region = 'region-1'".to_owned(),
        "Region = 'region-1' AND ExecutionStatus = 'Failed'".to_owned(),
        "Amount > 900".to_owned(),
        format!("StartTime > {}", day(0.99)),
        format!("StartTime BETWEEN {} AND {}", day(0.10), day(0.12)),
        format!("StartTime BETWEEN {} AND {}", day(0.10), day(0.20)),
        format!("StartTime BETWEEN {} AND {}", day(0.10), day(0.60)),
        format!("StartTime < {}", day(0.5)),
        format!("StartTime < {} AND WorkflowType = 'Order' AND ExecutionStatus = 'Failed'", day(0.5)),
        "WorkflowId = 'workflow-500000'".to_owned(),
        "WorkflowId STARTS_WITH 'workflow-50'".to_owned(),
        "WorkflowId STARTS_WITH 'workflow-'".to_owned(),
        "TaskQueue = 'queue-3'".to_owned(),
        "TaskQueue = 'none'".to_owned(),
        "ORDER BY StartTime DESC".to_owned(),
        "WorkflowType = 'Order' ORDER BY Amount ASC".to_owned(),
    ];
    for size in [100, 1_000] {
        println!("pages of {size}, first and second:");
        for text in &lists {
            let query = parse(text, &schema)?;
            let mut token = None;
            let mut times = Vec::new();
            let mut found = 0;
            for _ in 0..2 {
                let before = clock.monotonic();
                let page = reader.list("ns", &query, &PageRequest { size, token: token.clone() })?;
                times.push((clock.monotonic() - before).as_secs_f64() * 1e3);
                found += page.records.len();
                token = page.next;
            }
            println!("  {text:<84} {:8.2} {:8.2} ms {found:6} rows", times[0], times[1]);
        }
    }
    println!("counts:");
    let counts = [
        "",
        "GROUP BY ExecutionStatus",
        "WorkflowType = 'Order' GROUP BY ExecutionStatus",
        "ExecutionStatus = 'Failed'",
        "Customer = 'customer-17' GROUP BY ExecutionStatus",
        "Region = 'region-1' GROUP BY ExecutionStatus",
        "GROUP BY TaskQueue",
    ];
    for text in counts {
        let query = parse(text, &schema)?;
        let before = clock.monotonic();
        let count = reader.count("ns", &query)?;
        let millis = (clock.monotonic() - before).as_secs_f64() * 1e3;
        println!("  {text:<84} {millis:8.2} ms {:8} in {} groups", count.total, count.groups.len());
    }
    let before = clock.monotonic();
    drop(index);
    drop(reader);
    Index::open(&path)?;
    println!("close and open: {:.2} ms", (clock.monotonic() - before).as_secs_f64() * 1e3);
    for suffix in ["", "-wal", "-shm"] {
        let file = path.with_extension(format!("sqlite{suffix}"));
        if file.exists() {
            std::fs::remove_file(&file).with_context(|| format!("remove {}", file.display()))?;
        }
    }
    Ok(())
}

fn started(i: usize, attributes: bool) -> Record {
    let start = i as i64 * SECOND;
    Record {
        namespace: "ns".to_owned(),
        workflow_id: format!("workflow-{i}"),
        run_id: run_id(i),
        workflow_type: TYPES[mixed(i) % TYPES.len()].to_owned(),
        status: Status::Running,
        task_queue: format!("queue-{}", mixed(i) % 7),
        start_time: start,
        execution_time: start,
        close_time: None,
        history_length: 2,
        history_size_bytes: 900,
        state_transition_count: 1,
        parent: None,
        root: None,
        memo: vec![7; 40],
        search_attributes: if attributes { search_attributes(i) } else { Vec::new() },
    }
}

fn closed(i: usize) -> Record {
    let attributes = i % 20 == 3;
    let record = started(i, attributes);
    if i % 20 == 7 {
        return record;
    }
    let status = if mixed(i) % 50 == 0 { Status::Failed } else { Status::Completed };
    // Most close soon, some take a day.
    let took = if mixed(i) % 10 == 0 { 86_400 } else { (mixed(i) % 300) as i64 };
    Record {
        status,
        close_time: Some(record.start_time + took * SECOND),
        history_length: 11,
        history_size_bytes: 2_400,
        state_transition_count: 5,
        ..record
    }
}

fn search_attributes(i: usize) -> Vec<u8> {
    let payload = |kind: &str, json: String| Payload {
        metadata: HashMap::from([("type".to_owned(), kind.as_bytes().to_vec())]),
        data: json.into_bytes(),
        ..Payload::default()
    };
    let indexed_fields = HashMap::from([
        ("Customer".to_owned(), payload("Keyword", format!("\"customer-{}\"", mixed(i) % 1_000))),
        ("Region".to_owned(), payload("Keyword", format!("\"region-{}\"", mixed(i) % 3))),
        ("Amount".to_owned(), payload("Int", (mixed(i) % 1_000).to_string())),
    ]);
    SearchAttributes { indexed_fields }.encode_to_vec()
}

/// Looks random and is always the same.
fn mixed(i: usize) -> usize {
    let mut x = (i as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 1) as usize
}

fn run_id(i: usize) -> String {
    let (a, b) = (mixed(i) as u64, mixed(i + 7_777_777) as u64);
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        a >> 32 & 0xffff_ffff,
        a >> 16 & 0xffff,
        a & 0xfff,
        b >> 48 & 0xfff,
        b & 0xffff_ffff_ffff
    )
}
