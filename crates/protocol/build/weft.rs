//! Our own services: read from `proto/` by protox, with Temporal's messages as they are.
//!
//! A message of Temporal's that ours import is the one that `temporalio-protos` compiled, so both speak of the same types.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use prost_types::{FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto};
use protox::Compiler;
use protox::file::{ChainFileResolver, DescriptorSetFileResolver, IncludeFileResolver};
use tonic_prost_build::Config;

use crate::services;

/// Served beside Temporal's API.
pub(crate) const PUBLIC: &[&str] = &["weft/api/v1/history_service.proto"];
/// What nodes say to each other.
pub(crate) const INTERNAL: &[&str] = &[
    "weft/internal/v1/backup.proto",
    "weft/internal/v1/cluster.proto",
    "weft/internal/v1/link.proto",
    "weft/internal/v1/matching.proto",
    "weft/internal/v1/members.proto",
    "weft/internal/v1/visibility.proto",
];

/// The descriptors of our files, without comments.
pub(crate) fn read(temporal: &FileDescriptorSet, files: &[&str]) -> Result<Vec<FileDescriptorProto>, Box<dyn Error>> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let mut resolver = ChainFileResolver::new();
    resolver.add(IncludeFileResolver::new(root));
    resolver.add(DescriptorSetFileResolver::new(temporal.clone()));
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(false).include_source_info(false).open_files(files)?;
    Ok(compiler.file_descriptor_set().file)
}

/// Messages, server traits and clients.
pub(crate) fn generate(
    temporal: &FileDescriptorSet,
    public: &[FileDescriptorProto],
    internal: &[FileDescriptorProto],
    out: &Path,
) -> Result<(), Box<dyn Error>> {
    let out = out.join("weft");
    let ours = || public.iter().chain(internal);
    fs::create_dir_all(&out)?;
    // The generator looks at the messages that ours are made of; it makes none of them again, nor their services.
    let messages_only = |file: &FileDescriptorProto| FileDescriptorProto { service: Vec::new(), ..file.clone() };
    let file = temporal.file.iter().map(messages_only).chain(ours().cloned()).collect();
    let mut config = Config::new();
    config.enable_type_names();
    // What is passed on is not copied.
    config.bytes([".weft.internal"]);
    tonic_prost_build::configure()
        .generate_default_stubs(true)
        // Else these would be prost-types', which temporalio-protos does not use.
        .compile_well_known_types(true)
        .extern_path(".temporal.api", "::temporalio_protos::temporal::api")
        .extern_path(".google.protobuf", "::prost_wkt_types")
        .out_dir(&out)
        .compile_fds_with_config(FileDescriptorSet { file }, config)?;
    let methods = public.iter().flat_map(|file| &file.service).flat_map(|service| &service.method);
    let names: Vec<&str> = methods.map(MethodDescriptorProto::name).collect();
    fs::write(out.join("names.rs"), format!("static NAMES: &[&str] = &{names:?};\n"))?;
    services::name_stubs(public, &out)?;
    services::name_stubs(internal, &out)
}
