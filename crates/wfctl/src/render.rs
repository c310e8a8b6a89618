//! From messages of the API to text for people. Pure: no printing, no colours, no decisions about what is asked.

pub(crate) mod execution;
pub(crate) mod failure;
pub(crate) mod history;
pub(crate) mod names;
pub(crate) mod payload;
pub(crate) mod time;
pub(crate) mod tree;
