//! Puts the descriptor set from which `temporalio-protos` compiled its messages where `json.rs` can embed it.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    let source = env::var("DEP_TEMPORALIO_PROTOS_DESCRIPTOR_PATH")
        .map_err(|_| "temporalio-protos did not say where its descriptor set is")?;
    println!("cargo:rerun-if-changed={source}");
    fs::copy(source, PathBuf::from(env::var("OUT_DIR")?).join("descriptors.bin"))?;
    Ok(())
}
