//! How urgent something is that belongs to something else: an activity to its workflow, a child to its parent.

use weft_protocol::api::common::Priority;

/// What the owner has, with what is said of the thing itself over it.
pub(crate) fn merged(owner: Option<&Priority>, own: Option<&Priority>) -> Option<Priority> {
    let (Some(owner), Some(own)) = (owner, own) else { return own.or(owner).cloned() };
    let mut merged = owner.clone();
    if own.priority_key != 0 {
        merged.priority_key = own.priority_key;
    }
    if !own.fairness_key.is_empty() {
        merged.fairness_key.clone_from(&own.fairness_key);
    }
    if own.fairness_weight != 0.0 {
        merged.fairness_weight = own.fairness_weight;
    }
    Some(merged)
}
