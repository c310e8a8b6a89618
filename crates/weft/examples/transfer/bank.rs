//! Accounts are workflows that live as long as they are open; a transfer is a workflow that speaks with two of them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use weft::{Client, Ctx, Error, Failure, Result, Saga, Worker, workflow};

pub(crate) const QUEUE: &str = "bank";

/// An account as it stands.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Account {
    cents: u64,
    /// What was done already: a request that comes twice is done once.
    booked: BTreeSet<String>,
    is_closed: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Booking {
    /// Of the transfer, which is told what came of it.
    transfer: String,
    reference: String,
    cents: u64,
}

#[workflow]
impl Account {
    #[init]
    fn new(account: &Self) -> Self {
        account.clone()
    }

    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>, _account: Self) -> Result<u64> {
        let core = ctx.clone();
        ctx.wait_until(move |account: &Self| account.is_closed || core.should_continue_as_new()).await?;
        ctx.handlers_finished().await?;
        let account = ctx.with(Self::clone);
        if account.is_closed { Ok(account.cents) } else { Err(ctx.continue_as_new(Self::run, account)) }
    }

    #[signal]
    async fn withdraw(ctx: Ctx<Self>, booking: Booking) -> Result<()> {
        let is_done = ctx.with_mut(|account| {
            if account.booked.contains(&booking.reference) {
                return true;
            }
            let Some(left) = account.cents.checked_sub(booking.cents) else { return false };
            account.cents = left;
            account.booked.insert(booking.reference.clone())
        });
        tell(&ctx, booking, is_done).await
    }

    #[signal]
    async fn deposit(ctx: Ctx<Self>, booking: Booking) -> Result<()> {
        ctx.with_mut(|account| {
            if account.booked.insert(booking.reference.clone()) {
                account.cents += booking.cents;
            }
        });
        tell(&ctx, booking, true).await
    }

    #[query]
    pub(crate) fn cents(&self) -> u64 {
        self.cents
    }

    #[signal]
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
    }
}

/// A transfer that has ended meanwhile need not know.
async fn tell(ctx: &Ctx<Account>, booking: Booking, is_done: bool) -> Result<()> {
    let transfer = ctx.external::<Transfer>(booking.transfer);
    let _ = transfer.signal(Transfer::answered, (booking.reference, is_done)).await;
    Ok(())
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Order {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) cents: u64,
}

#[derive(Default)]
pub(crate) struct Transfer {
    answers: Vec<(String, bool)>,
}

#[workflow]
impl Transfer {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>, order: Order) -> Result<()> {
        Saga::new(&ctx)
            .run(async |saga| {
                let (from, cents) = (order.from.clone(), order.cents);
                let withdraw = book(ctx.clone(), Side::Withdraw, from.clone(), cents, "withdrawal");
                saga.step("withdrawal", withdraw, move |ctx, ()| book(ctx, Side::Deposit, from, cents, "return"))
                    .await?;
                book(ctx.clone(), Side::Deposit, order.to.clone(), cents, "deposit").await
            })
            .await
    }

    #[signal]
    fn answered(&mut self, reference: String, is_done: bool) {
        self.answers.push((reference, is_done));
    }
}

#[derive(Clone, Copy)]
enum Side {
    Withdraw,
    Deposit,
}

/// Asks an account and waits for its answer.
async fn book(ctx: Ctx<Transfer>, side: Side, account: String, cents: u64, what: &str) -> Result<()> {
    let transfer = ctx.info().workflow_id;
    let reference = format!("{transfer}/{what}");
    let booking = Booking { transfer, reference: reference.clone(), cents };
    let other = ctx.external::<Account>(account.clone());
    match side {
        Side::Withdraw => other.signal(Account::withdraw, booking).await,
        Side::Deposit => other.signal(Account::deposit, booking).await,
    }
    .map_err(|error| error.context(format_args!("account {account}")))?;
    let answer = move |transfer: &Transfer| {
        let answer = transfer.answers.iter().find(|(of, _)| *of == reference);
        answer.map(|(_, is_done)| *is_done)
    };
    let is_answered = answer.clone();
    ctx.wait_until(move |transfer| is_answered(transfer).is_some()).await?;
    if ctx.with(answer) == Some(true) {
        return Ok(());
    }
    let why = Failure::application(format!("account {account} has no {cents} cents"));
    Err(Error::from(why.kind("InsufficientFunds").non_retryable()))
}

pub(crate) fn worker(client: &Client) -> Worker {
    Worker::new(client, QUEUE).workflow(Account::run).workflow(Transfer::run)
}

pub(crate) fn account_with(cents: u64) -> Account {
    Account { cents, ..Account::default() }
}
