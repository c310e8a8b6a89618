//! A subscription that bills for years: each run does some periods and goes on as a new one, so that no history grows
//! without end.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use weft::{Client, Ctx, Error, Result, Worker, activity, workflow};

pub(crate) const QUEUE: &str = "subscriptions";

/// A year of months is a run.
const PERIODS_PER_RUN: u32 = 12;

/// The subscription as it stands: what the next run begins with is what this one ends with.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Subscription {
    pub(crate) customer: String,
    pub(crate) period: Duration,
    pub(crate) cents: u64,
    pub(crate) paid_periods: u32,
    pub(crate) is_cancelled: bool,
}

#[workflow]
impl Subscription {
    #[init]
    fn new(subscription: &Self) -> Self {
        subscription.clone()
    }

    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>, subscription: Self) -> Result<u32> {
        for _ in 0..PERIODS_PER_RUN {
            if ctx.wait_until_for(subscription.period, |now: &Self| now.is_cancelled).await? {
                return Ok(ctx.with(|now| now.paid_periods));
            }
            let cents = ctx.with(|now| now.cents);
            ctx.activity(bill, (subscription.customer.clone(), cents)).await?;
            ctx.with_mut(|now| now.paid_periods += 1);
        }
        let next = ctx.with(Self::clone);
        Err(ctx.continue_as_new(Self::run, next))
    }

    #[signal]
    pub(crate) fn cancel(&mut self) {
        self.is_cancelled = true;
    }

    #[update(check = may_cost)]
    pub(crate) fn change_price(&mut self, cents: u64) -> u64 {
        std::mem::replace(&mut self.cents, cents)
    }

    fn may_cost(&self, cents: &u64) -> Result<()> {
        if *cents > 2 * self.cents { Err(Error::new("nobody pays twice as much at once")) } else { Ok(()) }
    }

    #[query]
    pub(crate) fn paid_periods(&self) -> u32 {
        self.paid_periods
    }
}

#[activity]
async fn bill(customer: String, cents: u64) {
    println!("{customer} pays {cents} cents.");
}

pub(crate) fn worker(client: &Client) -> Worker {
    Worker::new(client, QUEUE).workflow(Subscription::run).activity(bill)
}

pub(crate) fn of(customer: &str, period: Duration) -> Subscription {
    Subscription { customer: customer.to_owned(), period, cents: 900, paid_periods: 0, is_cancelled: false }
}
