//! Each activity has a name of its own; the impl block has none.

use weft::{activities, activity};

struct Shop;

#[activities(name = "shop")] //~ unexpected token
impl Shop {
    #[activity]
    async fn open(&self) {}
}
