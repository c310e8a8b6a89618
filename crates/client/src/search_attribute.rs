//! Search attributes of a namespace: registered, listed, taken away.

use std::collections::HashMap;

use weft_protocol::api::{
    enums::IndexedValueType,
    operatorservice::{
        AddSearchAttributesRequest, ListSearchAttributesRequest, ListSearchAttributesResponse,
        RemoveSearchAttributesRequest,
    },
};

use crate::{Client, Error, OperatorService, retry::Repeat};

impl Client {
    /// Registers names with their types in the namespace of this client. What is there already stays as it is.
    ///
    /// # Errors
    /// When a name is the system's own, or there are too many of its type.
    pub async fn add_search_attributes(&self, kinds: HashMap<String, IndexedValueType>) -> Result<(), Error> {
        let search_attributes = kinds.into_iter().map(|(name, kind)| (name, kind.into())).collect();
        let request = AddSearchAttributesRequest { search_attributes, namespace: self.namespace().to_owned() };
        let send = |mut stub: OperatorService, request| async move { stub.add_search_attributes(request).await };
        self.call_operator("AddSearchAttributes", request, Repeat::Harmless, send).await.map(drop)
    }

    /// Takes names away. What is not there is as good as taken away.
    ///
    /// # Errors
    /// When a name is the system's own.
    pub async fn remove_search_attributes(&self, names: Vec<String>) -> Result<(), Error> {
        let request =
            RemoveSearchAttributesRequest { search_attributes: names, namespace: self.namespace().to_owned() };
        let send = |mut stub: OperatorService, request| async move { stub.remove_search_attributes(request).await };
        self.call_operator("RemoveSearchAttributes", request, Repeat::Harmless, send).await.map(drop)
    }

    /// The names that filters may use in the namespace of this client: its own and the system's.
    ///
    /// # Errors
    /// When the namespace is unknown.
    pub async fn search_attributes(&self) -> Result<ListSearchAttributesResponse, Error> {
        let request = ListSearchAttributesRequest { namespace: self.namespace().to_owned() };
        let send = |mut stub: OperatorService, request| async move { stub.list_search_attributes(request).await };
        self.call_operator("ListSearchAttributes", request, Repeat::Harmless, send).await
    }
}
