//! Search attributes that a start brings along, checked by the engine's rules before the engine sees them.
//!
//! What commands set is checked by the engine itself, whose refusals are recorded in history.

use weft_engine::{Namespace, limits::Limits, search_attribute};
use weft_protocol::{api::common::SearchAttributes, error::Error, payload};

/// Checks all of them; those that are null are no longer there afterwards.
pub(crate) fn taken(
    given: Option<SearchAttributes>,
    namespace: &Namespace,
    limits: &Limits,
) -> Result<Option<SearchAttributes>, Error> {
    let Some(mut given) = given else { return Ok(None) };
    search_attribute::check(&given.indexed_fields, namespace, limits).map_err(Error::invalid_argument)?;
    given.indexed_fields.retain(|_, value| !payload::is_null(value));
    search_attribute::check_sizes(&given.indexed_fields, limits).map_err(Error::invalid_argument)?;
    Ok(Some(given))
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use weft_protocol::api::{common::Payload, enums::IndexedValueType};
    use weft_visibility::System;

    use super::*;

    fn check(name: &str, value: Payload, expected: Result<bool, &str>) {
        let namespace = Namespace {
            id: "id".into(),
            name: "default".into(),
            retention: Duration::ZERO,
            search_attributes: Arc::new([("Word".to_owned(), IndexedValueType::Keyword.into())].into()),
        };
        let given = SearchAttributes { indexed_fields: [(name.to_owned(), value)].into() };
        let found = taken(Some(given), &namespace, &Limits::default());
        let found = found.map(|it| it.is_some_and(|it| it.indexed_fields.contains_key(name)));
        assert_eq!(found.map_err(|it| it.message), expected.map_err(str::to_owned), "{name}");
    }

    #[test]
    fn a_value_is_kept_and_a_null_is_taken_away() {
        check("Word", payload::json_plain("\"a\""), Ok(true));
        check("Word", payload::null(), Ok(false));
        check("Word", payload::json_plain("[]"), Ok(false));
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused() {
        let word = "invalid value for search attribute Word of type Keyword: ";
        check("Word", payload::json_plain("{\"not\":\"a keyword\"}"), Err(&format!("{word}map[not:a keyword]")));
        let long = payload::json_string(&"x".repeat(2047));
        check("Word", long, Err("search attribute Word value size 2049 exceeds size limit 2048"));
    }

    #[test]
    fn nobody_sets_what_every_execution_has_by_itself() {
        let mut names = System::ALL.map(System::name);
        names.sort_unstable();
        assert_eq!(names, search_attribute::SYSTEM);
    }
}
