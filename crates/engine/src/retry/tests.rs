//! Retry arithmetic.
