//! The example `cart`.

use super::Stage;
use example::{Cart, QUEUE};
use weft::client::UpdateError;

#[path = "../../../examples/cart/cart.rs"]
mod example;

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_answers_each_update_and_ends_when_it_is_paid() {
    let stage = Stage::with(example::worker).await;
    let cart = stage.client().start_workflow(Cart::run, ()).id("cart").task_queue(QUEUE).await.expect("it starts");
    let add = async |item: &str, count: u32| cart.update(Cart::add, (item.to_owned(), count)).await;

    let early = cart.update(Cart::check_out, "Ada's").await.expect_err("the cart is empty");
    assert!(early.to_string().contains("nothing to pay"), "{early}");
    assert_eq!(add("apple", 3).await.expect("it is taken"), 3);
    assert_eq!(add("melon", 1).await.expect("it is taken"), 4);
    add("pear", 0).await.expect_err("none is no number of pears");
    assert!(cart.update(Cart::remove, "melon").await.expect("it is taken"));
    assert_eq!(cart.query(Cart::items, ()).await.expect("it answers"), [("apple".to_owned(), 3)].into());

    let declined = cart.update(Cart::check_out, "expired").await.expect_err("the card is declined");
    let UpdateError::Failed(declined) = declined else { panic!("{declined}") };
    assert_eq!(declined.root().application_kind(), Some("CardDeclined"));
    let receipt = cart.update(Cart::check_out, "Ada's").await.expect("it is paid");
    assert_eq!(receipt, "3 pieces, paid by Ada's");
    assert_eq!(cart.result().await.expect("it ends"), receipt);

    // Five updates were taken, two of them payments; the two that were refused left nothing.
    let events = stage.events("cart").await;
    let count = |kind: &str| events.iter().filter(|event| *event == kind).count();
    assert_eq!(count("WORKFLOW_EXECUTION_UPDATE_ACCEPTED"), 5);
    assert_eq!(count("WORKFLOW_EXECUTION_UPDATE_COMPLETED"), 5);
    assert_eq!(count("ACTIVITY_TASK_FAILED"), 1);
    stage.end().await;
}
