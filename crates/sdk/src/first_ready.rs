//! `select!` for workflows: `tokio`'s, but that it never chooses by chance.

/// Waits for the first of several futures, and drops the others: a call that is dropped is cancelled.
///
/// Of those that are ready at once the one that is written first goes on, in a first run and at each replay. The `select!`s
/// of `tokio` and `futures` draw lots among them, which a replay does not repeat; `#[workflow]` refuses them where they are
/// written with their crate's name. What may be written is what `tokio::select!` takes: patterns, conditions, `else`.
///
/// ```ignore
/// weft::select! {
///     paid = ctx.activity(await_payment, order) => paid?,
///     late = ctx.sleep(Duration::from_secs(3600)) => { late?; return Err(Error::new("not paid in time")) }
/// }
/// ```
#[macro_export]
macro_rules! select {
    (biased; $($branches:tt)*) => { $crate::rt::first_ready! { biased; $($branches)* } };
    ($($branches:tt)*) => { $crate::rt::first_ready! { biased; $($branches)* } };
}
