//! Values of users as payloads, and payloads as values.
//!
//! A value travels as JSON unless its type says otherwise: what `serde` knows is `json/plain`, nothing (`()`, `None`) is
//! `binary/null`, [`Binary`] is `binary/plain`, and [`Raw`] is a payload as it stands. These are the encodings of
//! Temporal's SDKs, so a worker in another language reads what was written here. Encryption and compression are not
//! here: they are a codec's, which sees payloads only.

use serde::{Serialize, de::DeserializeOwned};
use weft_protocol::{
    api::common::Payload,
    payload::{self, BINARY_NULL, BINARY_PLAIN, JSON_PLAIN, JSON_PROTOBUF},
};

/// A value that travels as one payload: whatever `serde` can write and read.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel between a workflow and the world",
    label = "no value that can be written and read again",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it, or wrap bytes in `Binary` and payloads in `Raw`"
)]
pub trait Value: Sized + 'static {
    /// Writes the value.
    ///
    /// # Errors
    /// When its own serializer refuses.
    fn to_payload(&self) -> Result<Payload, ValueError>;

    /// Reads a value.
    ///
    /// # Errors
    /// When the payload is of another encoding, or does not have the shape of this type.
    fn from_payload(payload: &Payload) -> Result<Self, ValueError>;
}

/// Why a payload is not a value, or a value no payload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    #[error("cannot write {type_name} as JSON: {why}")]
    Write { type_name: &'static str, why: String },
    #[error("cannot read {type_name}: {why}")]
    Read { type_name: &'static str, why: String },
    #[error("cannot read {type_name}: the payload's encoding is {encoding:?}, expected {expected}")]
    Encoding { type_name: &'static str, encoding: String, expected: &'static str },
    #[error("argument {position} of {count} is missing, and {type_name} cannot be left out")]
    Missing { type_name: &'static str, position: usize, count: usize },
}

impl<T: Serialize + DeserializeOwned + 'static> Value for T {
    fn to_payload(&self) -> Result<Payload, ValueError> {
        let json = serde_json::to_vec(self)
            .map_err(|error| ValueError::Write { type_name: type_name::<T>(), why: error.to_string() })?;
        Ok(if json == b"null" { payload::null() } else { payload::json_plain(json) })
    }

    fn from_payload(payload: &Payload) -> Result<Self, ValueError> {
        let json = match payload::encoding(payload) {
            Some(JSON_PLAIN | JSON_PROTOBUF) => payload.data.as_slice(),
            Some(BINARY_NULL) => b"null",
            other => return Err(misfit::<T>(other, "json/plain")),
        };
        serde_json::from_slice(json)
            .map_err(|error| ValueError::Read { type_name: type_name::<T>(), why: error.to_string() })
    }
}

/// A payload as it stands: nothing is written, read or checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Raw(pub Payload);

impl Value for Raw {
    fn to_payload(&self) -> Result<Payload, ValueError> {
        Ok(self.0.clone())
    }

    fn from_payload(payload: &Payload) -> Result<Self, ValueError> {
        Ok(Self(payload.clone()))
    }
}

/// Bytes as bytes: without this they would be a JSON list of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binary(pub Vec<u8>);

impl Value for Binary {
    fn to_payload(&self) -> Result<Payload, ValueError> {
        Ok(payload::binary_plain(self.0.clone()))
    }

    fn from_payload(payload: &Payload) -> Result<Self, ValueError> {
        match payload::encoding(payload) {
            Some(BINARY_PLAIN) => Ok(Self(payload.data.clone())),
            other => Err(misfit::<Self>(other, "binary/plain")),
        }
    }
}

/// The arguments of a workflow, activity or handler: a tuple of values.
pub trait Args: Sized + 'static {
    /// Writes each argument.
    ///
    /// # Errors
    /// The first that cannot be written.
    fn to_payloads(&self) -> Result<Vec<Payload>, ValueError>;

    /// Reads the arguments. Those missing at the end are read as nothing, and those too many are not looked at, so that
    /// arguments can be added and removed while both sides are being deployed.
    ///
    /// # Errors
    /// The first that cannot be read.
    fn from_payloads(payloads: &[Payload]) -> Result<Self, ValueError>;
}

/// What may be given for arguments: the tuple itself, or the value alone where there is one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fit the arguments `{A}`",
    label = "other arguments are expected here",
    note = "give the value for one argument, a tuple `(a, b)` for several, `()` for none"
)]
pub trait IntoArgs<A: Args> {
    /// The arguments as the tuple that travels.
    fn into_args(self) -> A;
}

impl<T: Value> IntoArgs<(T,)> for T {
    fn into_args(self) -> (T,) {
        (self,)
    }
}

impl IntoArgs<(String,)> for &str {
    fn into_args(self) -> (String,) {
        (self.to_owned(),)
    }
}

impl IntoArgs<()> for () {
    fn into_args(self) {}
}

impl Args for () {
    fn to_payloads(&self) -> Result<Vec<Payload>, ValueError> {
        Ok(Vec::new())
    }

    fn from_payloads(_: &[Payload]) -> Result<Self, ValueError> {
        Ok(())
    }
}

/// Arguments of each number are the same text.
macro_rules! args {
    ($count:literal: $($name:ident $position:tt),+) => {
        impl<$($name: Value),+> Args for ($($name,)+) {
            fn to_payloads(&self) -> Result<Vec<Payload>, ValueError> {
                Ok(vec![$(self.$position.to_payload()?),+])
            }

            fn from_payloads(payloads: &[Payload]) -> Result<Self, ValueError> {
                Ok(($(argument::<$name>(payloads, $position, $count)?,)+))
            }
        }
    };
}

args!(1: A 0);
args!(2: A 0, B 1);
args!(3: A 0, B 1, C 2);
args!(4: A 0, B 1, C 2, D 3);
args!(5: A 0, B 1, C 2, D 3, E 4);
args!(6: A 0, B 1, C 2, D 3, E 4, F 5);

macro_rules! tuples_are_arguments {
    ($($name:ident),+) => {
        impl<$($name: Value),+> IntoArgs<($($name,)+)> for ($($name,)+) {
            fn into_args(self) -> Self {
                self
            }
        }
    };
}

tuples_are_arguments!(A, B);
tuples_are_arguments!(A, B, C);
tuples_are_arguments!(A, B, C, D);
tuples_are_arguments!(A, B, C, D, E);
tuples_are_arguments!(A, B, C, D, E, F);

fn argument<T: Value>(payloads: &[Payload], index: usize, count: usize) -> Result<T, ValueError> {
    match payloads.get(index) {
        Some(payload) => T::from_payload(payload),
        None => T::from_payload(&payload::null()).map_err(|_| ValueError::Missing {
            type_name: type_name::<T>(),
            position: index + 1,
            count,
        }),
    }
}

/// A result of nothing is no payload at all, as Temporal's SDKs send it; both are read as nothing.
///
/// # Errors
/// When the payload is not of this type.
pub fn result_from_payloads<T: Value>(payloads: &[Payload]) -> Result<T, ValueError> {
    match payloads.first() {
        Some(payload) => T::from_payload(payload),
        None => T::from_payload(&payload::null()),
    }
}

fn misfit<T>(encoding: Option<&[u8]>, expected: &'static str) -> ValueError {
    let encoding = encoding.map(String::from_utf8_lossy).unwrap_or_default().into_owned();
    ValueError::Encoding { type_name: type_name::<T>(), encoding, expected }
}

/// Without the path, which says nothing to the one who reads an error.
pub(crate) fn type_name<T>() -> &'static str {
    let full = std::any::type_name::<T>();
    if full.contains('<') { full } else { full.rsplit("::").next().unwrap_or(full) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round<T: Value>(value: &T) -> (Payload, T) {
        let payload = value.to_payload().expect("it can be written");
        let again = T::from_payload(&payload).expect("it can be read");
        (payload, again)
    }

    #[test]
    fn a_value_is_json_and_nothing_is_null() {
        let (payload, again) = round(&vec![1, 2]);
        assert_eq!(payload::as_json(&payload), Some(&b"[1,2]"[..]));
        assert_eq!(again, [1, 2]);
        assert_eq!(round(&None::<u8>).0, payload::null());
        assert_eq!(round(&()).0, payload::null());
    }

    #[test]
    fn bytes_and_payloads_stay_what_they_are() {
        let bytes = Binary(vec![0, 255]);
        let (payload, again) = round(&bytes);
        assert_eq!((payload::encoding(&payload), again), (Some(BINARY_PLAIN), bytes));
        let raw = Raw(Payload { data: b"?".to_vec(), ..Payload::default() });
        assert_eq!(round(&raw), (raw.0.clone(), raw));
    }

    #[test]
    fn arguments_may_be_too_many_or_left_out_at_the_end_where_nothing_fits() {
        let written = ("a".to_owned(), 7_u32).to_payloads().expect("they can be written");
        assert_eq!(<(String,)>::from_payloads(&written), Ok(("a".to_owned(),)));
        assert_eq!(<(String, u32, Option<u8>)>::from_payloads(&written), Ok(("a".to_owned(), 7, None)));
        let missing = <(String, u32, u8)>::from_payloads(&written);
        assert_eq!(missing, Err(ValueError::Missing { type_name: "u8", position: 3, count: 3 }));
    }

    #[test]
    fn a_wrong_shape_and_a_wrong_encoding_say_what_was_expected() {
        let text = "x".to_owned().to_payload().expect("it can be written");
        let error = u32::from_payload(&text).expect_err("a text is no number").to_string();
        assert!(error.starts_with("cannot read u32: invalid type: string \"x\""), "{error}");
        let error = u32::from_payload(&payload::binary_plain(vec![1])).expect_err("bytes are no JSON").to_string();
        assert_eq!(error, "cannot read u32: the payload's encoding is \"binary/plain\", expected json/plain");
    }

    #[test]
    fn one_argument_needs_no_tuple() {
        fn take<A: Args>(args: impl IntoArgs<A>) -> A {
            args.into_args()
        }
        assert_eq!(take::<(String,)>("a"), ("a".to_owned(),));
        assert_eq!(take::<(u8,)>(1), (1,));
        assert_eq!(take::<(u8, bool)>((1, true)), (1, true));
        take::<()>(());
    }
}
