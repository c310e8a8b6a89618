//! Schedules: created, described, changed, deleted, listed.
//!
//! [`Client::new_schedule`] and [`ScheduleHandle`] are the typed way; beneath them are the calls as the API has them.

mod handle;
mod new;

pub use handle::{ScheduleDescription, ScheduleHandle};
pub use new::NewSchedule;

use weft_protocol::{
    Timestamp,
    api::{
        schedule::{ScheduleListEntry, SchedulePatch},
        workflowservice::{
            CountSchedulesRequest, CreateScheduleRequest, DeleteScheduleRequest, DescribeScheduleRequest,
            DescribeScheduleResponse, ListScheduleMatchingTimesRequest, ListSchedulesRequest, PatchScheduleRequest,
            UpdateScheduleRequest,
        },
    },
};

use crate::{Client, Error, WorkflowService, retry::Repeat};

/// A list of schedules, page by page.
pub struct SchedulePages {
    client: Client,
    request: ListSchedulesRequest,
    ended: bool,
}

impl Client {
    /// Creates a schedule. Namespace, identity and request id are those of this client and this call.
    ///
    /// # Errors
    /// When there is one of this id, or what it says makes no sense.
    pub async fn create_schedule(&self, request: CreateScheduleRequest) -> Result<(), Error> {
        let request = CreateScheduleRequest {
            namespace: self.namespace().to_owned(),
            identity: self.identity().to_owned(),
            request_id: self.new_id(),
            ..request
        };
        let send = |mut stub: WorkflowService, request| async move { stub.create_schedule(request).await };
        self.call("CreateSchedule", request, Repeat::Harmless, send).await.map(drop)
    }

    /// # Errors
    /// When there is no such schedule.
    pub async fn describe_schedule(&self, id: &str) -> Result<DescribeScheduleResponse, Error> {
        let request = DescribeScheduleRequest { namespace: self.namespace().to_owned(), schedule_id: id.to_owned() };
        let send = |mut stub: WorkflowService, request| async move { stub.describe_schedule(request).await };
        self.call("DescribeSchedule", request, Repeat::Harmless, send).await
    }

    /// Puts another schedule in the place of this one; with the token of a description only if it is still that one.
    ///
    /// # Errors
    /// When there is no such schedule, it has changed, or what is said makes no sense.
    pub async fn update_schedule(&self, request: UpdateScheduleRequest) -> Result<(), Error> {
        let request = UpdateScheduleRequest {
            namespace: self.namespace().to_owned(),
            identity: self.identity().to_owned(),
            request_id: self.new_id(),
            ..request
        };
        let send = |mut stub: WorkflowService, request| async move { stub.update_schedule(request).await };
        self.call("UpdateSchedule", request, Repeat::Harmless, send).await.map(drop)
    }

    /// Pauses, unpauses, triggers or backfills.
    ///
    /// # Errors
    /// When there is no such schedule.
    pub async fn patch_schedule(&self, id: &str, patch: SchedulePatch) -> Result<(), Error> {
        let request = PatchScheduleRequest {
            namespace: self.namespace().to_owned(),
            schedule_id: id.to_owned(),
            patch: Some(patch),
            identity: self.identity().to_owned(),
            request_id: self.new_id(),
        };
        let send = |mut stub: WorkflowService, request| async move { stub.patch_schedule(request).await };
        self.call("PatchSchedule", request, Repeat::Harmless, send).await.map(drop)
    }

    /// Workflows that it started go on.
    ///
    /// # Errors
    /// When there is no such schedule.
    pub async fn delete_schedule(&self, id: &str) -> Result<(), Error> {
        let request = DeleteScheduleRequest {
            namespace: self.namespace().to_owned(),
            schedule_id: id.to_owned(),
            identity: self.identity().to_owned(),
        };
        let send = |mut stub: WorkflowService, request| async move { stub.delete_schedule(request).await };
        self.call("DeleteSchedule", request, Repeat::Never, send).await.map(drop)
    }

    /// The times after `start` and up to `end` at which it acts; no more than a thousand.
    ///
    /// # Errors
    /// When there is no such schedule.
    pub async fn matching_times(&self, id: &str, start: Timestamp, end: Timestamp) -> Result<Vec<Timestamp>, Error> {
        let request = ListScheduleMatchingTimesRequest {
            namespace: self.namespace().to_owned(),
            schedule_id: id.to_owned(),
            start_time: Some(start),
            end_time: Some(end),
        };
        let send = |mut stub: WorkflowService, request| async move { stub.list_schedule_matching_times(request).await };
        let answer = self.call("ListScheduleMatchingTimes", request, Repeat::Harmless, send).await?;
        Ok(answer.start_time)
    }

    /// The schedules that `query` selects; the empty query selects all.
    #[must_use]
    pub fn schedules(&self, query: &str, page_size: i32) -> SchedulePages {
        let request = ListSchedulesRequest {
            namespace: self.namespace().to_owned(),
            maximum_page_size: page_size,
            query: query.to_owned(),
            ..ListSchedulesRequest::default()
        };
        SchedulePages { client: self.clone(), request, ended: false }
    }

    /// How many schedules `query` selects.
    ///
    /// # Errors
    /// When the query cannot be read.
    pub async fn count_schedules(&self, query: &str) -> Result<i64, Error> {
        let request = CountSchedulesRequest { namespace: self.namespace().to_owned(), query: query.to_owned() };
        let send = |mut stub: WorkflowService, request| async move { stub.count_schedules(request).await };
        Ok(self.call("CountSchedules", request, Repeat::Harmless, send).await?.count)
    }
}

impl SchedulePages {
    /// The next page; none after the last.
    ///
    /// # Errors
    /// When the query cannot be read.
    pub async fn next(&mut self) -> Result<Option<Vec<ScheduleListEntry>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let send = |mut stub: WorkflowService, request| async move { stub.list_schedules(request).await };
        let answer = self.client.call("ListSchedules", self.request.clone(), Repeat::Harmless, send).await?;
        self.ended = answer.next_page_token.is_empty();
        self.request.next_page_token = answer.next_page_token;
        Ok(Some(answer.schedules))
    }
}
