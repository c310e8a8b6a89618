//! An order is paid, its stock reserved, and shipped; what was done is undone when the rest cannot be done.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use weft::{Client, Ctx, Failure, Result, Saga, Worker, activities, workflow};

pub(crate) const QUEUE: &str = "orders";

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) item: String,
    pub(crate) cents: u64,
    pub(crate) country: String,
}

#[workflow]
pub(crate) async fn place_order(ctx: Ctx, order: Order) -> Result<String> {
    Saga::new(&ctx)
        .run(async |saga| {
            let charge = ctx.activity(Shop::charge, (order.id.clone(), order.cents));
            saga.step("payment", charge, |ctx, payment| ctx.activity(Shop::refund, payment)).await?;

            let reserve = ctx.activity(Shop::reserve, order.item.clone());
            saga.step("stock", reserve, |ctx, item| ctx.activity(Shop::release, item)).await?;

            ctx.activity(Shop::ship, order.clone()).await
        })
        .await
}

/// What the activities share: here a shop in memory, elsewhere clients of the services that do these things.
pub(crate) struct Shop {
    stock: Mutex<u32>,
    takings: Mutex<u64>,
}

#[derive(Clone, Deserialize, Serialize)]
struct Payment {
    cents: u64,
}

#[activities]
impl Shop {
    /// The order's id makes it idempotent at the payment service: an attempt whose answer was lost charges nobody twice.
    #[activity]
    async fn charge(&self, order: String, cents: u64) -> Result<Payment> {
        if cents == 0 {
            return Err(Failure::application(format!("nothing to pay for order {order}")).non_retryable().into());
        }
        *self.takings() += cents;
        Ok(Payment { cents })
    }

    #[activity]
    async fn refund(&self, payment: Payment) {
        *self.takings() -= payment.cents;
    }

    #[activity]
    async fn reserve(&self, item: String) -> Result<String> {
        let mut stock = self.stock();
        match stock.checked_sub(1) {
            Some(left) => *stock = left,
            None => {
                return Err(Failure::application(format!("{item} is out")).kind("OutOfStock").non_retryable().into());
            }
        }
        Ok(item)
    }

    #[activity]
    async fn release(&self, _item: String) {
        *self.stock() += 1;
    }

    #[activity]
    async fn ship(&self, order: Order) -> Result<String> {
        if order.country == "Atlantis" {
            let why = format!("no carrier goes to {}", order.country);
            return Err(Failure::application(why).kind("NoCarrier").non_retryable().into());
        }
        Ok(format!("{} is on its way to {}", order.item, order.country))
    }

    fn stock(&self) -> std::sync::MutexGuard<'_, u32> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn takings(&self) -> std::sync::MutexGuard<'_, u64> {
        self.takings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn worker(client: &Client, lamps: u32) -> Worker {
    let shop = Shop { stock: Mutex::new(lamps), takings: Mutex::default() };
    Worker::new(client, QUEUE).workflow(place_order).activities(shop)
}

pub(crate) fn lamp_for(country: &str) -> Order {
    Order { id: format!("lamp-for-{country}"), item: "a lamp".to_owned(), cents: 4_900, country: country.to_owned() }
}
