//! An activity wants its shared state for itself.

use weft::activities;

struct Shop;

#[activities]
impl Shop {
    #[activity]
    fn price(&mut self, item: String) -> usize { //~ an activity here takes `&self`: many run at once
        item.len()
    }
}
