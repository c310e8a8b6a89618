//! An activity takes a reference to what comes over the wire.

use weft::activity;

#[activity]
async fn greet(name: &str) -> String { //~ arguments travel, so they are owned: take the value rather than a reference
    name.to_owned()
}
