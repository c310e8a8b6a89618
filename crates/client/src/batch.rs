//! Batch operations: one thing done by the server to all executions that a filter finds.

mod operation;

use weft_protocol::api::{
    batch::BatchOperationInfo,
    workflowservice::{
        DescribeBatchOperationRequest, DescribeBatchOperationResponse, ListBatchOperationsRequest,
        StartBatchOperationRequest, StopBatchOperationRequest,
    },
};

pub use operation::{BatchActivities, BatchOperation, BatchResetTo};

use crate::{Client, Error, WorkflowService, retry::Repeat};

/// Jobs that are listed with one call.
const PAGE: i32 = 100;

/// A batch operation that is to be started.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Its id; it is given once.
    pub job_id: String,
    /// The filter that finds its executions.
    pub query: String,
    pub reason: String,
    pub operation: BatchOperation,
    /// Operations a second, at most; zero leaves it to the server.
    pub per_second: f32,
}

impl Client {
    /// Starts a batch operation; the server goes on with it by itself.
    ///
    /// # Errors
    /// When the filter makes no sense, the id was given before, or too many such operations run.
    pub async fn start_batch(&self, batch: Batch) -> Result<(), Error> {
        let request = StartBatchOperationRequest {
            namespace: self.namespace().to_owned(),
            job_id: batch.job_id,
            visibility_query: batch.query,
            reason: batch.reason,
            max_operations_per_second: batch.per_second,
            operation: Some(batch.operation.wire(self.identity().to_owned())),
            ..StartBatchOperationRequest::default()
        };
        let send = |mut stub: WorkflowService, request| async move { stub.start_batch_operation(request).await };
        self.call("StartBatchOperation", request, Repeat::Never, send).await.map(drop)
    }

    /// How far a batch operation has come.
    ///
    /// # Errors
    /// When there is none of this id.
    pub async fn describe_batch(&self, job_id: &str) -> Result<DescribeBatchOperationResponse, Error> {
        let request =
            DescribeBatchOperationRequest { namespace: self.namespace().to_owned(), job_id: job_id.to_owned() };
        let send = |mut stub: WorkflowService, request| async move { stub.describe_batch_operation(request).await };
        self.call("DescribeBatchOperation", request, Repeat::Harmless, send).await
    }

    /// Stops a batch operation; what it has done stays done.
    ///
    /// # Errors
    /// When it has ended, or there is none of this id.
    pub async fn stop_batch(&self, job_id: &str, reason: &str) -> Result<(), Error> {
        let request = StopBatchOperationRequest {
            namespace: self.namespace().to_owned(),
            job_id: job_id.to_owned(),
            reason: reason.to_owned(),
            identity: self.identity().to_owned(),
        };
        let send = |mut stub: WorkflowService, request| async move { stub.stop_batch_operation(request).await };
        self.call("StopBatchOperation", request, Repeat::Never, send).await.map(drop)
    }

    /// Batch operations, the running ones first, then the latest; at most so many.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn batches(&self, limit: usize) -> Result<Vec<BatchOperationInfo>, Error> {
        let (mut found, mut token) = (Vec::new(), Vec::new());
        loop {
            let request = ListBatchOperationsRequest {
                namespace: self.namespace().to_owned(),
                page_size: PAGE,
                next_page_token: token,
            };
            let send = |mut stub: WorkflowService, request| async move { stub.list_batch_operations(request).await };
            let page = self.call("ListBatchOperations", request, Repeat::Harmless, send).await?;
            found.extend(page.operation_info);
            token = page.next_page_token;
            if token.is_empty() || found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
        }
    }
}
