//! An activity takes what cannot be written down.

use weft::activity;

struct Unwritten;

#[activity] //~ consider adding `#[derive(serde::Serialize)]`
async fn greet(name: Unwritten) -> String {
    drop(name);
    String::new()
}
