//! Namespaces: made, changed, retired.

use std::time::Duration;

use weft_protocol::{
    api::{
        namespace::{NamespaceConfig, UpdateNamespaceInfo},
        operatorservice::DeleteNamespaceRequest,
        workflowservice::{
            DeprecateNamespaceRequest, DescribeNamespaceRequest, DescribeNamespaceResponse, RegisterNamespaceRequest,
            UpdateNamespaceRequest,
        },
    },
    time::proto_duration,
};

use crate::{Client, Error, OperatorService, WorkflowService, retry::Repeat};

/// A namespace to be made.
#[derive(Clone, Debug, Default)]
pub struct NewNamespace {
    pub name: String,
    /// How long closed workflows are kept.
    pub retention: Duration,
    pub description: String,
    pub owner_email: String,
}

/// What to change of a namespace; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct NamespaceChange {
    pub retention: Option<Duration>,
    pub description: Option<String>,
    pub owner_email: Option<String>,
}

impl Client {
    /// # Errors
    /// When the name is taken or the retention too short.
    pub async fn register_namespace(&self, new: NewNamespace) -> Result<(), Error> {
        let request = RegisterNamespaceRequest {
            namespace: new.name,
            description: new.description,
            owner_email: new.owner_email,
            workflow_execution_retention_period: Some(proto_duration(new.retention)),
            ..RegisterNamespaceRequest::default()
        };
        let send = |mut stub: WorkflowService, request| async move { stub.register_namespace(request).await };
        self.call("RegisterNamespace", request, Repeat::Never, send).await.map(drop)
    }

    /// # Errors
    /// When there is no such namespace.
    pub async fn describe_namespace(&self, name: &str) -> Result<DescribeNamespaceResponse, Error> {
        let request = DescribeNamespaceRequest { namespace: name.to_owned(), ..DescribeNamespaceRequest::default() };
        let send = |mut stub: WorkflowService, request| async move { stub.describe_namespace(request).await };
        self.call("DescribeNamespace", request, Repeat::Harmless, send).await
    }

    /// # Errors
    /// When there is no such namespace, or it takes no such value.
    pub async fn update_namespace(&self, name: &str, change: NamespaceChange) -> Result<(), Error> {
        // The API replaces both texts together, so the one that stays is sent as it is.
        let now = self.describe_namespace(name).await?.namespace_info.unwrap_or_default();
        let info = UpdateNamespaceInfo {
            description: change.description.unwrap_or(now.description),
            owner_email: change.owner_email.unwrap_or(now.owner_email),
            ..UpdateNamespaceInfo::default()
        };
        let config = change.retention.map(|retention| NamespaceConfig {
            workflow_execution_retention_ttl: Some(proto_duration(retention)),
            ..NamespaceConfig::default()
        });
        let request = UpdateNamespaceRequest {
            namespace: name.to_owned(),
            update_info: Some(info),
            config,
            ..UpdateNamespaceRequest::default()
        };
        let send = |mut stub: WorkflowService, request| async move { stub.update_namespace(request).await };
        self.call("UpdateNamespace", request, Repeat::Never, send).await.map(drop)
    }

    /// Marks a namespace as one that takes no new workflows.
    ///
    /// # Errors
    /// When there is no such namespace.
    pub async fn deprecate_namespace(&self, name: &str) -> Result<(), Error> {
        let request = DeprecateNamespaceRequest { namespace: name.to_owned(), ..DeprecateNamespaceRequest::default() };
        let send = |mut stub: WorkflowService, request| async move { stub.deprecate_namespace(request).await };
        self.call("DeprecateNamespace", request, Repeat::Never, send).await.map(drop)
    }

    /// Deletes a namespace with everything in it; gives back the name that it has until that is done.
    ///
    /// # Errors
    /// When there is no such namespace.
    pub async fn delete_namespace(&self, name: &str) -> Result<String, Error> {
        let request = DeleteNamespaceRequest { namespace: name.to_owned(), ..DeleteNamespaceRequest::default() };
        let send = |mut stub: OperatorService, request| async move { stub.delete_namespace(request).await };
        let answer = self.call_operator("DeleteNamespace", request, Repeat::Never, send).await?;
        Ok(answer.deleted_namespace)
    }
}
