//! Lists and counts of workflows and namespaces, page by page.

use weft_protocol::api::{
    workflow::WorkflowExecutionInfo,
    workflowservice::{
        CountWorkflowExecutionsRequest, CountWorkflowExecutionsResponse, DescribeNamespaceResponse,
        ListNamespacesRequest, ListWorkflowExecutionsRequest,
    },
};

use crate::{Client, Error, WorkflowService, retry::Repeat};

/// A list of workflows, page by page, the latest start first.
pub struct WorkflowPages {
    client: Client,
    request: ListWorkflowExecutionsRequest,
    ended: bool,
}

/// All namespaces, page by page.
pub struct NamespacePages {
    client: Client,
    request: ListNamespacesRequest,
    ended: bool,
}

impl Client {
    /// The workflows that `query` selects; the empty query selects all.
    #[must_use]
    pub fn list(&self, query: &str, page_size: i32) -> WorkflowPages {
        let request = ListWorkflowExecutionsRequest {
            namespace: self.namespace().to_owned(),
            page_size,
            query: query.to_owned(),
            ..ListWorkflowExecutionsRequest::default()
        };
        WorkflowPages { client: self.clone(), request, ended: false }
    }

    /// How many workflows `query` selects, by group where it has a `GROUP BY`.
    ///
    /// # Errors
    /// When the query cannot be read.
    pub async fn count(&self, query: &str) -> Result<CountWorkflowExecutionsResponse, Error> {
        let request =
            CountWorkflowExecutionsRequest { namespace: self.namespace().to_owned(), query: query.to_owned() };
        let send = |mut stub: WorkflowService, request| async move { stub.count_workflow_executions(request).await };
        self.call("CountWorkflowExecutions", request, Repeat::Harmless, send).await
    }

    #[must_use]
    pub fn namespaces(&self) -> NamespacePages {
        let request = ListNamespacesRequest { page_size: 100, ..ListNamespacesRequest::default() };
        NamespacePages { client: self.clone(), request, ended: false }
    }
}

impl WorkflowPages {
    /// The next page; none after the last.
    ///
    /// # Errors
    /// When the query cannot be read.
    pub async fn next(&mut self) -> Result<Option<Vec<WorkflowExecutionInfo>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let send = |mut stub: WorkflowService, request| async move { stub.list_workflow_executions(request).await };
        let answer = self.client.call("ListWorkflowExecutions", self.request.clone(), Repeat::Harmless, send).await?;
        self.ended = answer.next_page_token.is_empty();
        self.request.next_page_token = answer.next_page_token;
        Ok(Some(answer.executions))
    }
}

impl NamespacePages {
    /// The next page; none after the last.
    ///
    /// # Errors
    /// When the server cannot answer.
    pub async fn next(&mut self) -> Result<Option<Vec<DescribeNamespaceResponse>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let send = |mut stub: WorkflowService, request| async move { stub.list_namespaces(request).await };
        let answer = self.client.call("ListNamespaces", self.request.clone(), Repeat::Harmless, send).await?;
        self.ended = answer.next_page_token.is_empty();
        self.request.next_page_token = answer.next_page_token;
        Ok(Some(answer.namespaces))
    }

    /// All that are left.
    ///
    /// # Errors
    /// When the server cannot answer.
    pub async fn all(mut self) -> Result<Vec<DescribeNamespaceResponse>, Error> {
        let mut all = Vec::new();
        while let Some(page) = self.next().await? {
            all.extend(page);
        }
        Ok(all)
    }
}
