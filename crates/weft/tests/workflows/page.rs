//! The page of the README and of `docs/sdk.md`, from the next line on.
use std::time::Duration;

use weft::{Client, Ctx, Error, Failure, Result, Saga, Worker, activity, testing::TestEnv, workflow};

/// Books a trip. What was booked is given back when the rest cannot be had.
#[workflow]
async fn trip(ctx: Ctx, city: String) -> Result<String> {
    Saga::new(&ctx)
        .run(async |saga| {
            let book = ctx.activity(book_flight, city.clone());
            let flight = saga.step("flight", book, |ctx, flight| ctx.activity(cancel_flight, flight)).await?;
            // The hotel takes no earlier bookings.
            ctx.sleep(Duration::from_secs(14 * 24 * 3600)).await?;
            let hotel = ctx.activity(book_hotel, city.clone()).await?;
            Ok(format!("{flight} and {hotel}"))
        })
        .await
}

#[activity]
async fn book_flight(city: String) -> String {
    format!("a flight to {city}")
}

#[activity]
async fn cancel_flight(flight: String) {
    println!("no longer wanted: {flight}");
}

#[activity]
async fn book_hotel(city: String) -> Result<String> {
    Ok(format!("a room in {city}"))
}

fn worker(client: &Client) -> Worker {
    Worker::new(client, "trips").workflow(trip).activity(book_flight).activity(cancel_flight).activity(book_hotel)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trip_takes_two_weeks_and_its_test_does_not() -> Result<()> {
    let env = TestEnv::start().await?;
    let worker = worker(env.client()).start()?;
    let booked = env.client().start_workflow(trip, "Lisbon").id("trip-1").task_queue("trips").await?;
    assert_eq!(env.skip(booked.result()).await?, "a flight to Lisbon and a room in Lisbon");
    worker.shutdown().await?;
    env.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_room_there_is_no_flight() -> Result<()> {
    let env = TestEnv::start().await?;
    let full = || Error::from(Failure::application("no room").kind("Full").non_retryable());
    let worker = worker(env.client()).replace(book_hotel, move |_| async move { Err(full()) }).start()?;
    let booked = env.client().start_workflow(trip, "Lisbon").id("trip-2").task_queue("trips").await?;
    let failed = env.skip(booked.result()).await.expect_err("there is no room");
    assert_eq!(failed.failure().and_then(|failure| failure.root().application_kind()), Some("Full"));
    worker.shutdown().await?;
    env.shutdown().await;
    Ok(())
}
