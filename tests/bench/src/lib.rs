//! What the benchmark and the counts share: the public API as a caller and a worker without an SDK speak it.

pub mod wire;
