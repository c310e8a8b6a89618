//! Picks the public API out of everything that `temporalio-protos` compiles.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet};

/// The files of Temporal's public API and what they import, without comments.
///
/// The SDK's inner protocol, the cloud API and the test service are left out: no message of theirs is sent or stored.
pub(crate) fn public_api(bytes: &[u8]) -> Result<FileDescriptorSet, Box<dyn Error>> {
    let all = FileDescriptorSet::decode(bytes)?;
    let by_name: BTreeMap<&str, &FileDescriptorProto> = all.file.iter().map(|file| (file.name(), file)).collect();
    let mut kept = BTreeSet::new();
    let mut open: Vec<&str> =
        all.file.iter().filter(|file| is_public_api(file)).map(FileDescriptorProto::name).collect();
    while let Some(name) = open.pop() {
        if kept.insert(name) {
            let file = by_name.get(name).ok_or_else(|| format!("{name} is imported but not in the descriptor set"))?;
            open.extend(file.dependency.iter().map(String::as_str));
        }
    }
    // The order of the source is kept: a file stands after those that it imports.
    let file = all.file.iter().filter(|file| kept.contains(file.name())).map(without_comments).collect();
    Ok(FileDescriptorSet { file })
}

/// The service by which tests steer the time of a server that skips it.
#[cfg(feature = "services")]
pub(crate) fn test_service(bytes: &[u8]) -> Result<FileDescriptorProto, Box<dyn Error>> {
    let all = FileDescriptorSet::decode(bytes)?;
    let serves =
        |file: &&FileDescriptorProto| file.package() == "temporal.api.testservice.v1" && !file.service.is_empty();
    let file = all.file.iter().find(serves).ok_or("the test service is not in the descriptor set")?;
    Ok(without_comments(file))
}

fn is_public_api(file: &FileDescriptorProto) -> bool {
    let package = file.package();
    package.starts_with("temporal.api.")
        && !package.starts_with("temporal.api.cloud.")
        && !package.starts_with("temporal.api.testservice.")
}

fn without_comments(file: &FileDescriptorProto) -> FileDescriptorProto {
    FileDescriptorProto { source_code_info: None, ..file.clone() }
}
