//! A workflow that is spoken to.

use weft::{Ctx, Result, workflow};

/// Collects words until the word `end`, which it keeps too.
#[derive(Default)]
pub(crate) struct Collector {
    words: Vec<String>,
}

#[workflow]
impl Collector {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>) -> Result<Vec<String>> {
        ctx.wait_until(|state: &Self| state.words.iter().any(|word| word == "end")).await?;
        Ok(ctx.with(|state| state.words.clone()))
    }

    #[signal]
    pub(crate) fn give(&mut self, word: String) {
        self.words.push(word);
    }

    #[query]
    pub(crate) fn words(&self) -> Vec<String> {
        self.words.clone()
    }
}
