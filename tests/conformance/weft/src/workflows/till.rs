//! A workflow that is updated.

use weft::{Ctx, Error, Result, workflow};

/// Takes money through a slot that takes no debts; slow payments wait for a nod.
#[derive(Default)]
pub(crate) struct Till {
    sum: i64,
    nods: u32,
    closing: bool,
}

#[workflow]
impl Till {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>) -> Result<i64> {
        ctx.wait_until(|state: &Self| state.closing).await?;
        Ok(ctx.with(|state| state.sum))
    }

    #[update(check = no_debts)]
    pub(crate) fn pay(&mut self, amount: i64) -> i64 {
        self.pay_in(amount)
    }

    fn no_debts(&self, amount: &i64) -> Result<()> {
        if *amount < 0 { Err(Error::new("no debts")) } else { Ok(()) }
    }

    #[update]
    pub(crate) async fn pay_slowly(ctx: Ctx<Self>, amount: i64) -> Result<i64> {
        ctx.wait_until(|state: &Self| state.nods > 0).await?;
        Ok(ctx.with_mut(|state| state.pay_in(amount)))
    }

    fn pay_in(&mut self, amount: i64) -> i64 {
        self.sum += amount;
        self.sum
    }

    #[signal]
    pub(crate) fn nod(&mut self) {
        self.nods += 1;
    }

    #[signal]
    pub(crate) fn close(&mut self) {
        self.closing = true;
    }
}
