//! Typed search attributes: what workflows are found by.
//!
//! ```
//! use weft_client::{SearchAttributeKey, SearchAttributes};
//!
//! const CUSTOMER: SearchAttributeKey<String> = SearchAttributeKey::keyword("Customer");
//! const TOTAL: SearchAttributeKey<f64> = SearchAttributeKey::double("Total");
//!
//! let attributes = SearchAttributes::new().set(&CUSTOMER, "ada").set(&TOTAL, 17.5);
//! assert_eq!(attributes.get(&TOTAL), Some(17.5));
//! ```
//!
//! They are never encrypted: the server has to read them.

use std::{collections::BTreeMap, fmt, marker::PhantomData, time::SystemTime};

use serde_json::Value as Json;
use weft_protocol::{
    Timestamp,
    api::{
        common::{self, Payload},
        enums::IndexedValueType,
    },
    payload,
};

/// The name and the type of a search attribute.
pub struct SearchAttributeKey<T> {
    name: &'static str,
    kind: IndexedValueType,
    value: PhantomData<fn() -> T>,
}

/// Search attributes with their values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SearchAttributes(BTreeMap<String, Payload>);

/// What a search attribute may hold: `String`, `i64`, `f64`, `bool`, [`SystemTime`], `Vec<String>`.
pub trait SearchAttributeValue: Sized + sealed::AsJson {}

mod sealed {
    use serde_json::Value;

    /// How a value stands in the payload.
    pub trait AsJson: Sized {
        fn to_json(&self) -> Value;
        fn of_json(json: Value) -> Option<Self>;
    }
}

impl<T> SearchAttributeKey<T> {
    const fn new(name: &'static str, kind: IndexedValueType) -> Self {
        Self { name, kind, value: PhantomData }
    }

    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl SearchAttributeKey<String> {
    /// Found as a whole.
    #[must_use]
    pub const fn keyword(name: &'static str) -> Self {
        Self::new(name, IndexedValueType::Keyword)
    }

    /// Found by its words.
    #[must_use]
    pub const fn text(name: &'static str) -> Self {
        Self::new(name, IndexedValueType::Text)
    }
}

impl SearchAttributeKey<i64> {
    #[must_use]
    pub const fn int(name: &'static str) -> Self {
        Self::new(name, IndexedValueType::Int)
    }
}

impl SearchAttributeKey<f64> {
    #[must_use]
    pub const fn double(name: &'static str) -> Self {
        Self::new(name, IndexedValueType::Double)
    }
}

impl SearchAttributeKey<bool> {
    #[must_use]
    pub const fn bool(name: &'static str) -> Self {
        Self::new(name, IndexedValueType::Bool)
    }
}

impl SearchAttributeKey<SystemTime> {
    #[must_use]
    pub const fn datetime(name: &'static str) -> Self {
        Self::new(name, IndexedValueType::Datetime)
    }
}

impl SearchAttributeKey<Vec<String>> {
    /// Found by each of them.
    #[must_use]
    pub const fn keyword_list(name: &'static str) -> Self {
        Self::new(name, IndexedValueType::KeywordList)
    }
}

impl<T> fmt::Debug for SearchAttributeKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, type_name(self.kind))
    }
}

impl<T> Clone for SearchAttributeKey<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SearchAttributeKey<T> {}

impl SearchAttributes {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn set<T: SearchAttributeValue>(mut self, key: &SearchAttributeKey<T>, value: impl Into<T>) -> Self {
        let payload = payload::json_plain(value.into().to_json().to_string());
        self.0.insert(key.name.to_owned(), typed(payload, key.kind));
        self
    }

    /// Takes the value away where the workflow has one.
    #[must_use]
    pub fn unset<T: SearchAttributeValue>(mut self, key: &SearchAttributeKey<T>) -> Self {
        self.0.insert(key.name.to_owned(), typed(payload::null(), key.kind));
        self
    }

    /// The value, if there is one of this type.
    #[must_use]
    pub fn get<T: SearchAttributeValue>(&self, key: &SearchAttributeKey<T>) -> Option<T> {
        let json = payload::as_json(self.0.get(key.name)?)?;
        T::of_json(serde_json::from_slice(json).ok()?)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The values as they travel.
    #[must_use]
    pub fn into_payloads(self) -> BTreeMap<String, Payload> {
        self.0
    }
}

fn typed(mut payload: Payload, kind: IndexedValueType) -> Payload {
    payload.metadata.insert(payload::TYPE.to_owned(), type_name(kind).as_bytes().to_vec());
    payload
}

/// As payloads name it.
fn type_name(kind: IndexedValueType) -> &'static str {
    match kind {
        IndexedValueType::Keyword => "Keyword",
        IndexedValueType::Text => "Text",
        IndexedValueType::Int => "Int",
        IndexedValueType::Double => "Double",
        IndexedValueType::Bool => "Bool",
        IndexedValueType::Datetime => "Datetime",
        IndexedValueType::KeywordList => "KeywordList",
        IndexedValueType::Unspecified => "Unspecified",
    }
}

impl From<common::SearchAttributes> for SearchAttributes {
    fn from(from: common::SearchAttributes) -> Self {
        Self(from.indexed_fields.into_iter().collect())
    }
}

impl From<SearchAttributes> for common::SearchAttributes {
    fn from(from: SearchAttributes) -> Self {
        Self { indexed_fields: from.0.into_iter().collect() }
    }
}

/// What JSON can say by itself.
macro_rules! plain {
    ($($kind:ty),+) => {$(
        impl sealed::AsJson for $kind {
            fn to_json(&self) -> Json {
                Json::from(self.clone())
            }

            fn of_json(json: Json) -> Option<Self> {
                serde_json::from_value(json).ok()
            }
        }

        impl SearchAttributeValue for $kind {}
    )+};
}

plain!(String, i64, f64, bool);

impl sealed::AsJson for Vec<String> {
    fn to_json(&self) -> Json {
        Json::from(self.clone())
    }

    /// A list of one may stand there as that one.
    fn of_json(json: Json) -> Option<Self> {
        match json {
            Json::String(one) => Some(vec![one]),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                serde_json::from_value(json).ok()
            }
        }
    }
}

impl SearchAttributeValue for Vec<String> {}

impl sealed::AsJson for SystemTime {
    /// A time before the year 1 or after 9999 has no text; such a value is sent as nothing.
    fn to_json(&self) -> Json {
        serde_json::to_value(Timestamp::from(*self)).unwrap_or(Json::Null)
    }

    fn of_json(json: Json) -> Option<Self> {
        Self::try_from(serde_json::from_value::<Timestamp>(json).ok()?).ok()
    }
}

impl SearchAttributeValue for SystemTime {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TIME: SearchAttributeKey<SystemTime> = SearchAttributeKey::datetime("Time");
    const TAGS: SearchAttributeKey<Vec<String>> = SearchAttributeKey::keyword_list("Tags");
    const NUMBER: SearchAttributeKey<i64> = SearchAttributeKey::int("Number");
    const NAME: SearchAttributeKey<String> = SearchAttributeKey::keyword("Name");

    #[test]
    fn values_travel_with_their_types() {
        let time = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 5_000_000);
        let tags = vec!["a".to_owned()];
        let all = SearchAttributes::new().set(&TIME, time).set(&TAGS, tags.clone()).set(&NUMBER, 7).unset(&NAME);
        let all = SearchAttributes::from(common::SearchAttributes::from(all));
        assert_eq!((all.get(&TIME), all.get(&TAGS), all.get(&NUMBER)), (Some(time), Some(tags), Some(7)));
        assert_eq!(all.get(&NAME), None);
        let payloads = all.into_payloads();
        assert_eq!(payloads["Number"].metadata[payload::TYPE], b"Int");
        assert_eq!(payload::as_json(&payloads["Time"]), Some(&br#""2023-11-14T22:13:20.005Z""#[..]));
        assert_eq!(payload::encoding(&payloads["Name"]), Some(payload::BINARY_NULL));
    }

    #[test]
    fn a_list_of_one_may_be_that_one() {
        let one = [("Tags".to_owned(), payload::json_string("a"))].into();
        let all = SearchAttributes::from(common::SearchAttributes { indexed_fields: one });
        assert_eq!(all.get(&TAGS), Some(vec!["a".to_owned()]));
    }
}
