//! Row and key layouts: the engine's state to bytes and back, one file per table with its layout drawn.
//!
//! Invariants: numbers that reach the disk are explicit and pinned by golden bytes; equal state gives equal bytes;
//! decoding is total: bytes that nobody wrote are [`Corrupt`], never a panic. Every row of a workflow stands under its
//! slot.
//!
//! What is absent: decisions, clocks, files, and any store: callers read and write the bytes.

#![no_std]

extern crate alloc;
#[cfg(test)]
#[macro_use]
extern crate std;

mod corrupt;
mod key;
mod level;
mod slot;
mod value;

mod ops;
pub mod table;

pub mod batch;
mod encode;
pub mod load;
#[cfg(feature = "testing")]
pub mod probe;
pub mod token;
#[cfg(feature = "testing")]
pub mod unchecked;
pub mod visibility;

#[cfg(test)]
mod testing;

pub use corrupt::Corrupt;
pub use encode::{Encoded, EncodedBatch, encode};
pub use level::{Level, Supported};
pub use ops::{Op, Ops};
pub use slot::{SLOTS, Slot, SlotRange, ranges, slot_of};
pub use table::{
    applied, garbage, history, job, member, namespace, outbox, picture, queue_config, receipt, reference, schedule,
    task, wake,
};
pub use visibility::VisibilityBytes;
