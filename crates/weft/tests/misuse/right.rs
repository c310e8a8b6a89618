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
async fn race(ctx: Ctx) -> Result<String> {
    weft::select! {
        greeting = ctx.activity(greet, "a") => greeting,
        late = ctx.sleep(std::time::Duration::from_secs(1)) => late.map(|()| String::new()),
    }
}

#[workflow]
async fn nothing(_ctx: Ctx) -> Result<()> {
    Ok(())
}

/// Variables may be called like activities and workflows, also in a pattern.
#[workflow]
async fn same_names(ctx: Ctx, greet: String) -> Result<String> {
    let greet = ctx.activity(self::greet, greet).await?;
    let nothing = ctx.child(nothing, ()).await?;
    let () = nothing;
    let [name, other] = [greet.clone(), greet];
    let greet = ctx.activity(crate::greet, name + &other);
    let greet = greet.start();
    greet.await
}

mod elsewhere {
    /// What it does is said here.
    #[weft::activity(name = "loud")]
    #[deprecated = "nobody listens"]
    #[expect(clippy::needless_pass_by_value, reason = "lints are about the function itself")]
    pub(crate) fn shout(word: String) -> String {
        word.to_uppercase()
    }
}

/// A type can hold calls and handles, as the names are types too.
struct Kept {
    greeting: weft::ActivityCall<greet>,
    run: weft::client::WorkflowHandle<same_names>,
}

#[expect(deprecated, reason = "it is told where it is used")]
async fn kept(ctx: Ctx, client: &Client) -> Result<Kept> {
    use elsewhere::shout;
    let _: String = ctx.local_activity(shout, "a").await?;
    let worker = Worker::new(client, "q").replace(shout, |(word,)| async move { Ok(word) });
    drop(worker);
    Ok(Kept { greeting: ctx.activity(greet, "b"), run: client.handle::<same_names>("c") })
}

async fn calls(client: &Client) {
    let order = client.start_workflow(Order::run, "lamp").id("o").task_queue("q").await.expect("it starts");
    order.signal(Order::add, 3).await.expect("it is taken");
    let _count: u32 = order.query(Order::count, ()).await.expect("it answers");
    let _worker = Worker::new(client, "q").workflow(Order::run).workflow(nothing).activity(greet).activities(Shop);
}
