//! What must hold of histories, whoever made them: the laws that the simulation and chaos have in common.
//!
//! Nothing here asks anybody anything: a law is given what was seen, and says what is wrong with it.

mod account;
mod messages_once;
mod one_poller;

pub use account::{Account, Runs, balance_of, number, orders_are_there};
pub use messages_once::Messages;
pub use one_poller::{Attempt, Handed};
