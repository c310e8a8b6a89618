//! What the tests of this crate share: values of every kind, a store that is a map, and the golden bytes.

pub(crate) mod family;
pub(crate) mod generate;
pub(crate) mod golden;
pub(crate) mod jobs;
pub(crate) mod sample;
pub(crate) mod store;
