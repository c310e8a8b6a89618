//! What must hold of search attributes, whoever sets them.

use alloc::{format, string::String};

use weft_protocol::api::common::Payload;

use crate::moment::Moment;

/// Search attributes that are known to the namespace, few enough and small enough.
///
/// # Errors
/// What is wrong, in words.
pub(crate) fn check_search_attributes<'f>(
    fields: impl IntoIterator<Item = (&'f String, &'f Payload)>,
    at: &Moment<'_>,
) -> Result<(), String> {
    let limits = &at.settings.limits;
    let mut count = 0;
    for (name, value) in fields {
        count += 1;
        if !at.namespace.search_attributes.contains_key(name) {
            let namespace = &at.namespace.name;
            return Err(format!("search attribute {name} is not defined in namespace {namespace}"));
        }
        if value.data.len() > limits.search_attribute_value_bytes {
            let limit = limits.search_attribute_value_bytes;
            return Err(format!("search attribute {name} value size {} exceeds size limit {limit}", value.data.len()));
        }
    }
    if count > limits.search_attributes_count {
        return Err(format!("number of search attributes {count} exceeds limit {}", limits.search_attributes_count));
    }
    Ok(())
}
