//! Derives what is Temporal's from one source: the descriptor set that `temporalio-protos` compiled its own messages
//! from, so that messages and stubs cannot disagree. The only `.proto` files that are read are our own; no `protoc` is
//! needed.
//!
//! - `canonical_schema.rs` (always): which fields of which messages are, or lead to, maps.
//! - `descriptors.bin`, `rpc_table.rs`, the service stubs, the raw answers and our own services (feature
//!   `services`).

#[path = "build/descriptors.rs"]
mod descriptors;
#[cfg(feature = "services")]
#[path = "build/raw.rs"]
mod raw;
#[path = "build/schema.rs"]
mod schema;
#[cfg(feature = "services")]
#[path = "build/services.rs"]
mod services;
#[cfg(feature = "services")]
#[path = "build/weft.rs"]
mod weft;

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");
    let source = env::var("DEP_TEMPORALIO_PROTOS_DESCRIPTOR_PATH")
        .map_err(|_| "temporalio-protos did not say where its descriptor set is")?;
    println!("cargo:rerun-if-changed={source}");
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let source = fs::read(source)?;
    let descriptors = descriptors::public_api(&source)?;
    fs::write(out.join("canonical_schema.rs"), schema::generate(&descriptors))?;
    #[cfg(feature = "services")]
    {
        let ours = weft::read(&descriptors, weft::PUBLIC)?;
        let internal = weft::read(&descriptors, weft::INTERNAL)?;
        services::generate(&descriptors, &ours, &out)?;
        raw::generate(&descriptors, &out)?;
        weft::generate(&descriptors, &ours, &internal, &out)?;
        services::generate_test_service(&descriptors::test_service(&source)?, &out)?;
    }
    Ok(())
}
