//! A run put together from its rows: whatever they say, they are refused or give a run that can be listed.
//!
//! The input is the rows' values, each with its length before it (u16, big-endian): the execution, the first batch of its
//! history, then activities, timers, updates, buffered events, children and requests to others in turn.

use bytes::Bytes;
use weft_engine::{RunId, WorkflowKey, info};
use weft_rows::load::{self, Parts};

use crate::seeds;

pub(super) fn assemble(bytes: &[u8]) {
    let key = WorkflowKey { namespace: "32049b68-7872-4094-8e63-d0dd59896a83".into(), workflow: "order".into() };
    let run = RunId::from("018c5e2a-1111-4222-8333-44445555aaff".to_owned());
    let mut rest = bytes;
    let (core, first_batch) = (next(&mut rest), next(&mut rest));
    let mut parts = Parts { core, first_batch, ..Parts::default() };
    let mut order = 0_u64;
    while !rest.is_empty() {
        let row = next(&mut rest);
        let event = (order | 1 << 63).to_be_bytes().to_vec();
        let (rows, mut row_key, tail) = match order % 6 {
            0 => (&mut parts.activities, load::activity_prefix(&key, &run), event),
            1 => (&mut parts.timers, load::timer_prefix(&key, &run), vec![order as u8 | 1, 0, 1]),
            2 => (&mut parts.updates, load::update_prefix(&key, &run), vec![order as u8 | 1, 0, 1]),
            3 => (&mut parts.buffered, load::buffered_prefix(&key, &run), (order as u32).to_be_bytes().to_vec()),
            4 => (&mut parts.children, load::child_prefix(&key, &run), event),
            _ => (&mut parts.external, load::external_prefix(&key, &run), event),
        };
        row_key.extend(tail);
        rows.push((Bytes::from(row_key), row));
        order += 1;
    }
    if let Ok(execution) = load::assemble(&key, &run, &parts) {
        let _ = info(&key, &execution);
    }
}

fn next(rest: &mut &[u8]) -> Bytes {
    let Some((length, after)) = rest.split_first_chunk() else {
        *rest = &[];
        return Bytes::new();
    };
    let (row, after) = after.split_at(after.len().min(usize::from(u16::from_be_bytes(*length))));
    *rest = after;
    Bytes::copy_from_slice(row)
}

fn input(rows: &[&Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in rows {
        bytes.extend(u16::try_from(row.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend(row.iter());
    }
    bytes
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let golden = |name: &str| seeds::golden(&format!("{name} value"));
    let (cores, batches, activities) = (golden("execution"), golden("history batch"), golden("pending activity"));
    let (timers, updates, buffered) = (golden("timer"), golden("update"), golden("buffered event"));
    let (children, external) = (golden("child"), golden("external request"));
    let others = [&timers, &updates, &buffered, &children, &external];
    let mut inputs = Vec::new();
    for core in &cores {
        for batch in &batches {
            inputs.push(input(&[core, batch]));
            for (number, activity) in activities.iter().enumerate() {
                let [timer, update, event, child, external] = others.map(|rows| &rows[number % rows.len()]);
                inputs.push(input(&[core, batch, activity, timer, update, event, child, external]));
            }
        }
    }
    inputs
}
