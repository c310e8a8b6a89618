//! Tokens: what clients and workers hand back, and may have made up.

use weft_rows::token::{Page, Task};
use weft_visibility::{Error, PageRequest};

use super::filter;
use crate::seeds;

/// A token of a task that is read is written with what it says.
pub(super) fn task(bytes: &[u8]) {
    if let Ok(task) = Task::decode(bytes) {
        assert_eq!(Task::decode(&task.encode()), Ok(task));
    }
}

/// The same of a page; and where a list goes on, whatever the token says, it gives a page or refuses the token.
pub(super) fn page(bytes: &[u8]) {
    let cursor = match Page::decode(bytes) {
        Ok(page) => {
            let again = Page::decode(&page.encode()).expect("what was written can be read");
            // Not compared as they are: a payload may hold a number that is not equal to itself.
            assert_eq!(again.encode(), page.encode());
            match page {
                Page::List(cursor) => cursor,
                Page::History(_) => return,
            }
        }
        Err(_) => bytes.to_vec(),
    };
    for query in ["", "ORDER BY WorkflowId", "CustomKeyword = 'a' ORDER BY CustomInt DESC"] {
        let request = PageRequest { size: 3, token: Some(cursor.clone()) };
        let query = filter::parsed(query);
        match filter::INDEX.list(filter::NAMESPACE, &query, &request) {
            Ok(page) => assert!(page.records.len() <= 3),
            Err(Error::Token(_)) => {}
            Err(error) => panic!("a page token: {error}"),
        }
    }
}

pub(super) fn pages() -> Vec<Vec<u8>> {
    let mut pages = seeds::golden("token of a page");
    for query in ["", "ORDER BY WorkflowId", "ORDER BY CustomInt", "ORDER BY CustomDouble DESC"] {
        let query = filter::parsed(query);
        let page = filter::INDEX.list(filter::NAMESPACE, &query, &PageRequest { size: 2, token: None });
        pages.extend(page.expect("a page").next.map(|cursor| Page::List(cursor).encode()));
    }
    pages
}
