//! What must hold of memos and search attributes that commands set, and how they stand in events.

use alloc::string::String;

use weft_protocol::api::{
    common::{Memo, Payload, SearchAttributes},
    enums::WorkflowTaskFailedCause as Cause,
};

use crate::{
    command::BadCommand,
    fold::is_null,
    moment::{Moment, Namespace},
    search_attribute,
};

/// Search attributes of a command: known to the namespace, of the right type, few enough.
///
/// # Errors
/// What is wrong, in words.
pub(crate) fn check_search_attributes<'f>(
    fields: impl IntoIterator<Item = (&'f String, &'f Payload)>,
    at: &Moment<'_>,
) -> Result<(), String> {
    search_attribute::check(fields, at.namespace, &at.settings.limits)
}

/// Search attributes as a command would leave them are small enough. If they are not the run ends: its worker would
/// only send them again.
///
/// # Errors
/// What is too large.
pub(crate) fn check_search_attribute_sizes<'f>(
    fields: impl IntoIterator<Item = (&'f String, &'f Payload)>,
    at: &Moment<'_>,
) -> Result<(), BadCommand> {
    search_attribute::check_sizes(fields, &at.settings.limits)
        .map_err(|reason| BadCommand::fatal(Cause::BadSearchAttributes, reason))
}

/// Search attributes as events have them: each value says its type.
pub(crate) fn search_attributes(given: SearchAttributes, namespace: &Namespace) -> SearchAttributes {
    search_attribute::typed(given, namespace)
}

/// A memo as the start of a run has it: what is null is not there, and neither is one that holds nothing else.
pub(crate) fn memo(mut given: Memo) -> Option<Memo> {
    given.fields.retain(|_, value| !is_null(value));
    (!given.fields.is_empty()).then_some(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memo_that_holds_nothing_is_none() {
        let null = Payload { metadata: [("encoding".into(), b"binary/null".to_vec())].into(), ..Default::default() };
        let value = Payload { data: b"1".to_vec(), ..Default::default() };
        let of = |fields: &[(&str, &Payload)]| Memo {
            fields: fields.iter().map(|(name, value)| ((*name).into(), (*value).clone())).collect(),
        };
        assert_eq!(memo(of(&[])), None);
        assert_eq!(memo(of(&[("a", &null)])), None);
        assert_eq!(memo(of(&[("a", &null), ("b", &value)])), Some(of(&[("b", &value)])));
    }
}
