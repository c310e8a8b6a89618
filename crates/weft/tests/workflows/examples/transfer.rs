//! The example `transfer`.

use super::Stage;
use bank::{Account, Order, QUEUE, Transfer, account_with};
use weft::client::WorkflowError;

#[path = "../../../examples/transfer/bank.rs"]
mod bank;

async fn transfer(stage: &Stage, id: &str, to: &str, cents: u64) -> Result<(), WorkflowError> {
    let order = Order { from: "ada".to_owned(), to: to.to_owned(), cents };
    let start = stage.client().start_workflow(Transfer::run, order).id(id).task_queue(QUEUE);
    start.await.expect("it starts").result().await
}

#[tokio::test(flavor = "multi_thread")]
async fn money_moves_from_one_account_to_another_or_stays_where_it_was() {
    let stage = Stage::with(bank::worker).await;
    let open = async |id: &str, cents| {
        let start = stage.client().start_workflow(Account::run, account_with(cents)).id(id).task_queue(QUEUE);
        start.await.expect("it starts")
    };
    let (ada, bob) = (open("ada", 100).await, open("bob", 0).await);
    let balances =
        async || (ada.query(Account::cents, ()).await.expect("ada"), bob.query(Account::cents, ()).await.expect("bob"));

    transfer(&stage, "rent", "bob", 70).await.expect("there is enough");
    assert_eq!(balances().await, (30, 70));

    let refused = transfer(&stage, "yacht", "bob", 5_000).await.expect_err("there is not enough");
    assert_eq!(refused.failure().and_then(|failure| failure.application_kind()), Some("InsufficientFunds"));
    assert_eq!(balances().await, (30, 70));

    // Withdrawn, then given back: there is no such account.
    let lost = transfer(&stage, "gift", "nobody", 20).await.expect_err("there is no such account");
    assert!(lost.to_string().contains("account nobody"), "{lost}");
    assert_eq!(balances().await, (30, 70));
    let events = stage.events("gift").await;
    assert_eq!(events.iter().filter(|event| *event == "EXTERNAL_WORKFLOW_EXECUTION_SIGNALED").count(), 2);
    assert!(events.iter().any(|event| event == "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED"), "{events:?}");

    ada.signal(Account::close, ()).await.expect("it is taken");
    assert_eq!(ada.result().await.expect("it ends"), 30);
    stage.end().await;
}
