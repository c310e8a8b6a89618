//! `#[workflow]`, `#[activities]` and `#[activity]`: what is written once is a name, arguments and a result to callers,
//! and something to run to the worker.
//!
//! Each marked function is kept as it is under another name, and its own name becomes a value that stands for it, so that
//! it can be given where it is started, signalled, asked or called. Where it is no method that value is a function too, so
//! that variables may be called like it. What is wrong is told at the word that is wrong.

mod activity;
mod chance;
mod handler;
mod signature;
mod workflow;

use proc_macro::TokenStream;
use syn::{Item, parse_macro_input};

/// Marks a workflow: an async function, or the impl block of a type with a method marked `#[run]`.
///
/// ```ignore
/// #[workflow]
/// async fn hello(ctx: Ctx, name: String) -> Result<String> {
///     ctx.activity(greet, name).await
/// }
///
/// #[derive(Default)]
/// struct Order { approved: bool }
///
/// #[workflow]
/// impl Order {
///     #[run]
///     async fn run(ctx: Ctx<Self>, item: String) -> Result<()> {
///         ctx.wait_until(|order: &Self| order.approved).await
///     }
///     #[signal]
///     fn approve(&mut self, yes: bool) { self.approved = yes; }
///     #[query]
///     fn is_approved(&self) -> bool { self.approved }
///     #[update(check = may_rename)]
///     fn rename(&mut self, name: String) -> Result<()> { Ok(()) }
/// }
/// ```
///
/// `name = "…"` gives another name than the function's or the type's. `with = function` adds handlers that several
/// workflows share: the function takes the type's `Handlers` and returns them with more. A method marked `#[init]` makes the state from the
/// arguments of the run method, by reference; without one the state is the type's default.
#[proc_macro_attribute]
pub fn workflow(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let name = parse_macro_input!(arguments as signature::Named);
    if let Err(lots) = chance::refuse(item.clone().into()) {
        return lots.into_compile_error().into();
    }
    let expanded = match parse_macro_input!(item as Item) {
        Item::Fn(function) => workflow::function(name, function),
        Item::Impl(block) => workflow::block(name, block),
        other => Err(syn::Error::new_spanned(other, "`#[workflow]` marks an async function or an impl block")),
    };
    expanded.unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Marks an activity: an async function, or a function that may block.
///
/// The first parameter may be the `ActivityCtx`. `name = "…"` gives another name than the function's.
#[proc_macro_attribute]
pub fn activity(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let name = parse_macro_input!(arguments as signature::Named);
    let expanded = match parse_macro_input!(item as Item) {
        Item::Fn(function) => activity::function(name, function),
        other => Err(syn::Error::new_spanned(other, "`#[activity]` marks a function, or a method in `#[activities]`")),
    };
    expanded.unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Marks an impl block whose methods marked `#[activity]` are activities that share a state: they take `&self`.
#[proc_macro_attribute]
pub fn activities(arguments: TokenStream, item: TokenStream) -> TokenStream {
    parse_macro_input!(arguments as syn::parse::Nothing);
    let expanded = match parse_macro_input!(item as Item) {
        Item::Impl(block) => activity::block(block),
        other => Err(syn::Error::new_spanned(other, "`#[activities]` marks an impl block")),
    };
    expanded.unwrap_or_else(syn::Error::into_compile_error).into()
}
