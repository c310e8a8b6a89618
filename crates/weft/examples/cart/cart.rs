//! A shopping cart that is a workflow: all that happens to it are updates, which answer.

use std::collections::BTreeMap;

use weft::{Client, Ctx, Error, Failure, Result, Worker, activity, workflow};

pub(crate) const QUEUE: &str = "carts";

#[derive(Default)]
pub(crate) struct Cart {
    items: BTreeMap<String, u32>,
    receipt: Option<String>,
    is_paying: bool,
}

#[workflow]
impl Cart {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>) -> Result<String> {
        ctx.wait_until(|cart: &Self| cart.receipt.is_some()).await?;
        ctx.handlers_finished().await?;
        Ok(ctx.with(|cart| cart.receipt.clone()).unwrap_or_default())
    }

    /// Answers how many pieces are in the cart then.
    #[update(check = may_add)]
    pub(crate) fn add(&mut self, item: String, count: u32) -> u32 {
        *self.items.entry(item).or_default() += count;
        self.items.values().sum()
    }

    /// What is refused here leaves no trace in the history.
    fn may_add(&self, item: &str, count: &u32) -> Result<()> {
        match (self.is_paying, count) {
            (true, _) => Err(Error::new("the cart is being paid for")),
            (_, 0) => Err(Error::new(format!("how many of {item}?"))),
            (_, _) => Ok(()),
        }
    }

    #[update]
    pub(crate) fn remove(&mut self, item: String) -> bool {
        self.items.remove(&item).is_some()
    }

    /// Pays; a card that is declined leaves the cart as it is.
    #[update(check = may_check_out)]
    pub(crate) async fn check_out(ctx: Ctx<Self>, card: String) -> Result<String> {
        ctx.with_mut(|cart| cart.is_paying = true);
        let pieces = ctx.with(|cart| cart.items.values().sum::<u32>());
        let paid = ctx.activity(pay, (card, pieces)).await;
        ctx.with_mut(|cart| cart.is_paying = false);
        let receipt = paid?;
        ctx.with_mut(|cart| cart.receipt = Some(receipt.clone()));
        Ok(receipt)
    }

    fn may_check_out(&self, _card: &str) -> Result<()> {
        if self.is_paying || self.items.is_empty() { Err(Error::new("there is nothing to pay")) } else { Ok(()) }
    }

    #[query]
    pub(crate) fn items(&self) -> BTreeMap<String, u32> {
        self.items.clone()
    }
}

#[activity]
async fn pay(card: String, pieces: u32) -> Result<String> {
    if card == "expired" {
        return Err(Failure::application("the card has expired").kind("CardDeclined").non_retryable().into());
    }
    Ok(format!("{pieces} pieces, paid by {card}"))
}

pub(crate) fn worker(client: &Client) -> Worker {
    Worker::new(client, QUEUE).workflow(Cart::run).activity(pay)
}
