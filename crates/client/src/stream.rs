//! Lists as streams: what is asked for page by page, one by one.

use std::{collections::VecDeque, pin::Pin};

use futures_util::stream::{Stream, try_unfold};
use weft_protocol::api::{
    history::HistoryEvent, schedule::ScheduleListEntry, workflow::WorkflowExecutionInfo,
    workflowservice::DescribeNamespaceResponse,
};

use crate::{Error, HistoryPages, NamespacePages, SchedulePages, WorkflowPages};

/// Items that come when they are asked for; after an error nothing comes. `futures::StreamExt` and `TryStreamExt` have
/// what can be done with it.
pub type Items<T> = Pin<Box<dyn Stream<Item = Result<T, Error>> + Send>>;

/// What is asked for page by page.
trait Pages: Send + 'static {
    type Item: Send + 'static;
    fn page(&mut self) -> impl Future<Output = Result<Option<Vec<Self::Item>>, Error>> + Send;
}

fn items<P: Pages>(pages: P) -> Items<P::Item> {
    Box::pin(try_unfold((pages, VecDeque::new()), |(mut pages, mut page)| async move {
        loop {
            if let Some(item) = page.pop_front() {
                return Ok(Some((item, (pages, page))));
            }
            match pages.page().await? {
                Some(next) => page = next.into(),
                None => return Ok(None),
            }
        }
    }))
}

macro_rules! streams {
    ($($pages:ty: $item:ty, $what:literal;)+) => {$(
        impl Pages for $pages {
            type Item = $item;
            async fn page(&mut self) -> Result<Option<Vec<Self::Item>>, Error> {
                self.next().await
            }
        }

        impl $pages {
            #[doc = $what]
            #[must_use]
            pub fn stream(self) -> Items<$item> {
                items(self)
            }
        }
    )+};
}

streams! {
    WorkflowPages: WorkflowExecutionInfo, "The workflows, one by one.";
    HistoryPages: HistoryEvent, "The events, one by one; while a run is followed, as they happen.";
    SchedulePages: ScheduleListEntry, "The schedules, one by one.";
    NamespacePages: DescribeNamespaceResponse, "The namespaces, one by one.";
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, TryStreamExt};

    use super::*;

    /// Pages that are left, and whether it fails after them.
    struct Left(VecDeque<Vec<u8>>, bool);

    impl Pages for Left {
        type Item = u8;
        async fn page(&mut self) -> Result<Option<Vec<u8>>, Error> {
            match self.0.pop_front() {
                Some(page) => Ok(Some(page)),
                None if self.1 => Err(Error::Answer { call: "List", what: "end" }),
                None => Ok(None),
            }
        }
    }

    #[tokio::test]
    async fn items_come_over_pages_that_may_be_empty() {
        let pages = Left([vec![1], vec![], vec![2, 3]].into(), false);
        assert_eq!(items(pages).try_collect::<Vec<_>>().await.expect("it does not fail"), [1, 2, 3]);
    }

    #[tokio::test]
    async fn an_error_comes_after_what_came_before_it_and_ends_all() {
        let outcomes: Vec<_> = items(Left([vec![1]].into(), true)).map(|item| item.is_ok()).collect().await;
        assert_eq!(outcomes, [true, false]);
    }
}
