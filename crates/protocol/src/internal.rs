//! What the nodes of a cluster say to each other, `weft.internal.v1`: messages, server traits and clients, generated from
//! `proto/weft/internal/v1`.

#[expect(
    unused_qualifications,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::excessive_nesting,
    clippy::too_many_lines,
    reason = "generated code"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/weft/weft.internal.v1.rs"));
}

pub use generated::*;
