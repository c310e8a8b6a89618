//! A workflow has no run method.

use weft::workflow;

#[derive(Default)]
struct Order;

#[workflow]
impl Order { //~ a workflow has one method marked `#[run]`
    #[signal]
    fn add(&mut self) {}
}
