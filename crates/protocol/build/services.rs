//! Server traits, clients, the table of RPCs and the embedded descriptor set.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{fs, iter};

use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet};

use crate::raw;

const PACKAGES: [&str; 2] = ["temporal.api.workflowservice.v1", "temporal.api.operatorservice.v1"];

/// What tonic's default stubs answer. Each is replaced by a refusal that names its RPC.
const DEFAULT_STUB: &str = "tonic::Status::unimplemented(\"Not yet implemented\")";

pub(crate) fn generate(
    descriptors: &FileDescriptorSet,
    ours: &[FileDescriptorProto],
    out: &Path,
) -> Result<(), Box<dyn Error>> {
    let all = descriptors.file.iter().chain(ours).cloned().collect();
    fs::write(out.join("descriptors.bin"), FileDescriptorSet { file: all }.encode_to_vec())?;
    let file: Vec<FileDescriptorProto> =
        descriptors.file.iter().filter(|file| !file.service.is_empty() && served(file)).cloned().collect();
    fs::write(out.join("rpc_table.rs"), rpc_table(&file))?;

    stubs(&file, out.join("client"), Side::Client)?;
    let raw: Vec<_> = file.iter().map(with_raw_answers).collect();
    stubs(&raw, out.join("server"), Side::Server)?;
    file.chunks(1).try_for_each(|file| name_stubs(file, &out.join("server")))
}

/// The test service: neither in the table of RPCs nor in the descriptors that every server shows.
pub(crate) fn generate_test_service(file: &FileDescriptorProto, out: &Path) -> Result<(), Box<dyn Error>> {
    let (file, root) = ([file.clone()], out.join("test_service"));
    stubs(&file, root.join("client"), Side::Client)?;
    stubs(&file, root.join("server"), Side::Server)?;
    name_stubs(&file, &root.join("server"))
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Client,
    Server,
}

fn stubs(file: &[FileDescriptorProto], out: PathBuf, side: Side) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(&out)?;
    // The messages are temporalio-protos' own, so the files that define them need not be compiled again.
    tonic_prost_build::configure()
        .build_client(side == Side::Client)
        .build_server(side == Side::Server)
        .generate_default_stubs(true)
        .extern_path(".temporal.api", "::temporalio_protos::temporal::api")
        .extern_path(".weft.raw", "crate::raw")
        .out_dir(out)
        .compile_fds(FileDescriptorSet { file: file.to_vec() })?;
    Ok(())
}

/// Servers give histories as bytes, clients read them as messages.
fn with_raw_answers(file: &FileDescriptorProto) -> FileDescriptorProto {
    let mut file = file.clone();
    for method in file.service.iter_mut().flat_map(|service| &mut service.method) {
        method.output_type = method.output_type.as_deref().map(raw::answer);
    }
    file
}

fn served(file: &FileDescriptorProto) -> bool {
    PACKAGES.contains(&file.package())
}

fn rpc_table(files: &[FileDescriptorProto]) -> String {
    let mut rows = String::new();
    for (path, name, service) in rpcs(files) {
        writeln!(rows, "    Rpc {{ service: Service::{service}, name: \"{name}\", path: \"{path}\" }},")
            .expect("writing to a string never fails");
    }
    format!("static RPCS: &[Rpc] = &[\n{rows}];\n")
}

fn rpcs(files: &[FileDescriptorProto]) -> impl Iterator<Item = (String, &str, &str)> {
    files.iter().flat_map(|file| {
        file.service.iter().flat_map(|service| {
            service.method.iter().map(|method| {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                (path, method.name(), service.name())
            })
        })
    })
}

/// Lets every default stub name itself. The stubs of a package stand in the order of its files and their methods.
pub(crate) fn name_stubs(files: &[FileDescriptorProto], out: &Path) -> Result<(), Box<dyn Error>> {
    let Some(package) = files.first().map(FileDescriptorProto::package) else { return Ok(()) };
    let target = out.join(format!("{package}.rs"));
    let generated = fs::read_to_string(&target)?;
    let pieces: Vec<&str> = generated.split(DEFAULT_STUB).collect();
    let paths: Vec<String> = rpcs(files).map(|(path, ..)| path).collect();
    if pieces.len() != paths.len() + 1 {
        return Err(format!("{package}: {} default stubs for {} RPCs", pieces.len() - 1, paths.len()).into());
    }
    let names = paths.iter().map(|path| format!("crate::rpc::unimplemented(\"{path}\")"));
    let named: String = pieces
        .iter()
        .map(ToString::to_string)
        .zip(names.chain(iter::once(String::new())))
        .map(|(a, b)| a + &b)
        .collect();
    Ok(fs::write(target, named)?)
}
