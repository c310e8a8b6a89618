//! Histories as canonical protobuf JSON, read and written by the descriptors of the public API.
//!
//! The SDK's own `WorkflowHistory::from_json` reads only the form that its derives write, so a Rust program that is given
//! a history by the CLI, the web UI or another SDK takes this way.

use std::sync::LazyLock;

use anyhow::{Context, Result};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use temporalio_protos::temporal::api::history::v1::History;

static HISTORY: LazyLock<MessageDescriptor> = LazyLock::new(|| {
    let descriptors = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
    let pool = DescriptorPool::decode(descriptors.as_slice()).expect("the SDK's own descriptor set is whole");
    pool.get_message_by_name("temporal.api.history.v1.History").expect("histories are part of the public API")
});

pub(crate) fn parse(json: &str) -> Result<History> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let dynamic =
        DynamicMessage::deserialize(HISTORY.clone(), &mut reader).context("not protobuf JSON of a history")?;
    reader.end()?;
    Ok(History::decode(dynamic.encode_to_vec().as_slice())?)
}

pub(crate) fn print(history: &History) -> Result<String> {
    let dynamic = DynamicMessage::decode(HISTORY.clone(), history.encode_to_vec().as_slice())?;
    Ok(serde_json::to_string(&dynamic)?)
}
