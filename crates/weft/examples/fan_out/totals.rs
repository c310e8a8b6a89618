//! 500 activities at once, and one sum of what they say.

use futures::future::try_join_all;
use weft::{ActivityCall, Client, Ctx, Result, Worker, activity, workflow};

pub(crate) const QUEUE: &str = "totals";

#[workflow]
pub(crate) async fn total(ctx: Ctx, shops: u32) -> Result<u64> {
    let calls = (0..shops).map(|shop| ctx.activity(takings, shop));
    let taken = try_join_all(calls.map(ActivityCall::start)).await?;
    Ok(taken.into_iter().sum())
}

/// What a shop took today.
#[activity]
async fn takings(shop: u32) -> u64 {
    u64::from(shop) * 100
}

pub(crate) fn worker(client: &Client) -> Worker {
    Worker::new(client, QUEUE).workflow(total).activity(takings)
}
