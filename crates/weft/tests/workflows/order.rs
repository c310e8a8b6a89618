//! A workflow with a state: signals, queries, updates, and a saga that undoes what was done.

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use weft::{Ctx, Error, Failure, Result, Saga, activities, workflow};

use crate::world::{QUEUE, World};

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Placed {
    item: String,
    ships: bool,
}

#[derive(Default)]
struct Order {
    approved: bool,
    notes: Vec<String>,
}

#[workflow]
impl Order {
    #[run]
    async fn run(ctx: Ctx<Self>, order: Placed) -> Result<String> {
        ctx.wait_until(|order: &Self| order.approved).await?;
        let placed = order.clone();
        Saga::new(&ctx)
            .run(async |saga| {
                let charge = ctx.activity(Shop::charge, placed.item.clone());
                saga.step("charge", charge, |ctx, payment| ctx.activity(Shop::refund, payment)).await?;
                let reserve = ctx.activity(Shop::reserve, placed.item.clone());
                saga.step("reserve", reserve, |ctx, item| ctx.activity(Shop::release, item)).await?;
                ctx.activity(Shop::ship, placed.clone()).await
            })
            .await
    }

    #[signal]
    fn approve(&mut self, yes: bool) {
        self.approved = yes;
    }

    #[query]
    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    #[update(check = may_note)]
    fn note(&mut self, text: String) -> usize {
        self.notes.push(text);
        self.notes.len()
    }

    fn may_note(&self, text: &str) -> Result<()> {
        if text.is_empty() { Err(Error::new("a note says something")) } else { Ok(()) }
    }
}

#[derive(Default)]
struct Shop {
    done: Arc<Mutex<Vec<String>>>,
}

#[activities]
impl Shop {
    #[activity]
    async fn charge(&self, item: String) -> String {
        self.note(format!("charge {item}"))
    }

    #[activity]
    async fn refund(&self, payment: String) {
        self.note(format!("undo {payment}"));
    }

    #[activity]
    fn reserve(&self, item: String) -> String {
        self.note(format!("reserve {item}"))
    }

    #[activity]
    async fn release(&self, reserved: String) {
        self.note(format!("undo {reserved}"));
    }

    #[activity]
    async fn ship(&self, order: Placed) -> Result<String> {
        if !order.ships {
            return Err(Failure::application("no carrier").kind("NoCarrier").non_retryable().into());
        }
        Ok(self.note(format!("ship {}", order.item)))
    }

    fn note(&self, what: String) -> String {
        self.done.lock().expect("no test panicked").push(what.clone());
        what
    }
}

fn placed(ships: bool) -> Placed {
    Placed { item: "lamp".to_owned(), ships }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_waits_for_approval_and_takes_notes_meanwhile() {
    let world = World::with(|worker| worker.workflow(Order::run).activities(Shop::default())).await;
    let order = world.client.start_workflow(Order::run, placed(true)).id("order").task_queue(QUEUE).await;
    let order = order.expect("it starts");
    assert_eq!(order.update(Order::note, "fragile").await.expect("it is taken"), 1);
    let refused = order.update(Order::note, "").await.expect_err("an empty note is refused");
    assert!(refused.to_string().contains("a note says something"), "{refused}");
    assert_eq!(order.query(Order::notes, ()).await.expect("it answers"), ["fragile"]);
    order.signal(Order::approve, true).await.expect("it is taken");
    assert_eq!(order.result().await.expect("it completes"), "ship lamp");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_is_undone_in_reverse_when_the_rest_fails() {
    let done = Arc::<Mutex<Vec<String>>>::default();
    let shop = Shop { done: Arc::clone(&done) };
    let world = World::with(|worker| worker.workflow(Order::run).activities(shop)).await;
    let order = world.client.start_workflow(Order::run, placed(false)).id("order").task_queue(QUEUE).await;
    let order = order.expect("it starts");
    order.signal(Order::approve, true).await.expect("it is taken");
    let failed = order.result().await.expect_err("it cannot be shipped");
    let failure = failed.failure().expect("it failed");
    assert_eq!(failure.root().application_kind(), Some("NoCarrier"));
    assert_eq!(
        *done.lock().expect("no test panicked"),
        ["charge lamp", "reserve lamp", "undo reserve lamp", "undo charge lamp"]
    );
    world.end().await;
}
