//! Nothing is wrong here: what the others do wrong, done right.

use weft::{Client, Ctx, Result, Worker, activities, activity, workflow};

#[activity]
async fn greet(name: String) -> String {
    name
}

struct Shop;

#[activities]
impl Shop {
    #[activity]
    fn price(&self, item: String) -> u32 {
        item.len() as u32
    }
}

#[derive(Default)]
struct Order {
    count: u32,
}

#[workflow]
impl Order {
    #[run]
    async fn run(ctx: Ctx<Self>, item: String) -> Result<u32> {
        let _ = ctx.activity(greet, item.clone()).await?;
        ctx.activity(Shop::price, item).await
    }

    #[signal]
    fn add(&mut self, more: u32) {
        self.count += more;
    }

    #[query]
    fn count(&self) -> u32 {
        self.count
    }

    #[update]
    async fn rename(ctx: Ctx<Self>, name: String) -> Result<()> {
        ctx.activity(greet, name).await.map(drop)
    }
}

#[workflow]
async fn nothing(_ctx: Ctx) -> Result<()> {
    Ok(())
}

async fn calls(client: &Client) {
    let order = client.start_workflow(Order::run, "lamp").id("o").task_queue("q").await.expect("it starts");
    order.signal(Order::add, 3).await.expect("it is taken");
    let _count: u32 = order.query(Order::count, ()).await.expect("it answers");
    let _worker = Worker::new(client, "q").workflow(Order::run).workflow(nothing).activity(greet).activities(Shop);
}
