//! `select!`s that draw lots, in the code of a workflow: they are found by their words before anything is compiled.
//!
//! Deliberately not found: a bare `select!`, which may be anybody's, and what a workflow's code calls elsewhere.

use proc_macro2::{Ident, Spacing, TokenStream, TokenTree};
use syn::{Error, Result};

const CRATES: &[&str] = &["tokio", "futures", "futures_util"];

/// Refuses the first `select!` of another crate that does not begin with `biased;`.
pub(crate) fn refuse(code: TokenStream) -> Result<()> {
    let trees: Vec<TokenTree> = code.into_iter().collect();
    for (index, tree) in trees.iter().enumerate() {
        if let TokenTree::Group(group) = tree {
            if let Some(select) = select_before(&trees[..index])
                && !is_biased(group.stream())
            {
                let message = "this chooses by chance among what is ready, and a replay would choose otherwise: use \
                               `weft::select!`, or begin with `biased;`";
                return Err(Error::new(select.span(), message));
            }
            refuse(group.stream())?;
        }
    }
    Ok(())
}

/// The word `select` where these tokens end in `tokio::select!`.
fn select_before(trees: &[TokenTree]) -> Option<&Ident> {
    let [
        ..,
        TokenTree::Ident(krate),
        TokenTree::Punct(one),
        TokenTree::Punct(two),
        TokenTree::Ident(select),
        TokenTree::Punct(bang),
    ] = trees
    else {
        return None;
    };
    let is_path = one.as_char() == ':' && one.spacing() == Spacing::Joint && two.as_char() == ':';
    let is_theirs = CRATES.iter().any(|name| krate == name) && select == "select" && bang.as_char() == '!';
    (is_path && is_theirs).then_some(select)
}

fn is_biased(branches: TokenStream) -> bool {
    let mut trees = branches.into_iter();
    matches!(trees.next(), Some(TokenTree::Ident(word)) if word == "biased")
        && matches!(trees.next(), Some(TokenTree::Punct(end)) if end.as_char() == ';')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(code: &str) -> bool {
        refuse(code.parse().expect("it is Rust")).is_err()
    }

    #[test]
    fn only_what_draws_lots_is_refused() {
        assert!(is_refused("async fn f() { loop { tokio::select! { a = b => {} } } }"));
        assert!(is_refused("futures::select!(a = b => {})"));
        assert!(is_refused("weft::select! { a = futures_util::select! { c = d => {} } => {} }"));
        assert!(!is_refused("tokio::select! { biased; a = b => {} }"));
        assert!(!is_refused(
            "weft::select! { a = b => {} } select! { a = b => {} } futures::select_biased! { a = b => {} }"
        ));
        assert!(!is_refused("use tokio::select; fn select(a: u8) -> bool { a != { 1 } }"));
    }
}
