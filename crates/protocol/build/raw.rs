//! Answers that carry a history, with the history as bytes.
//!
//! Events are encoded once, by the leader, and copied ever after. An answer that had them as messages would decode and
//! encode them again, and an event in memory is many times as large as its bytes. So these answers exist a second
//! time, taken from the same descriptors, with one difference: what is a `History` there is its bytes here, which is
//! the same on the wire.

use std::error::Error;
use std::fs;
use std::path::Path;

use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};

const SERVICE: &str = ".temporal.api.workflowservice.v1.";
const HISTORY: &str = ".temporal.api.history.v1.History";
const PACKAGE: &str = "weft.raw";

/// The answers that exist as raw ones.
pub(crate) const ANSWERS: [&str; 4] = [
    "PollWorkflowTaskQueueResponse",
    "RespondWorkflowTaskCompletedResponse",
    "GetWorkflowExecutionHistoryResponse",
    "GetWorkflowExecutionHistoryReverseResponse",
];

pub(crate) fn generate(descriptors: &FileDescriptorSet, out: &Path) -> Result<(), Box<dyn Error>> {
    let messages = descriptors.file.iter().flat_map(|file| &file.message_type);
    let message_type: Vec<_> = messages.filter(|message| ANSWERS.contains(&message.name())).map(raw).collect();
    if message_type.len() != ANSWERS.len() {
        return Err(format!("{} of {} answers with a history were found", message_type.len(), ANSWERS.len()).into());
    }
    let file = FileDescriptorProto {
        name: Some("weft/raw.proto".to_owned()),
        package: Some(PACKAGE.to_owned()),
        syntax: Some("proto3".to_owned()),
        message_type,
        ..FileDescriptorProto::default()
    };
    // The generator looks at the messages that these are made of; it makes none of them again.
    let messages_only = |file: &FileDescriptorProto| FileDescriptorProto { service: Vec::new(), ..file.clone() };
    let all = descriptors.file.iter().map(messages_only).chain([file]).collect();
    let out = out.join("raw");
    fs::create_dir_all(&out)?;
    let histories = ANSWERS.iter().map(|answer| format!(".{PACKAGE}.{answer}.history"));
    histories
        .fold(tonic_prost_build::configure(), tonic_prost_build::Builder::bytes)
        .out_dir(out)
        // Else these would be prost-types', which temporalio-protos does not use.
        .compile_well_known_types(true)
        .extern_path(".temporal.api", "::temporalio_protos::temporal::api")
        .extern_path(".google.protobuf", "::prost_wkt_types")
        .compile_fds(FileDescriptorSet { file: all })?;
    Ok(())
}

/// What a method answers, by its raw name if it has one.
pub(crate) fn answer(type_name: &str) -> String {
    match type_name.strip_prefix(SERVICE) {
        Some(name) if ANSWERS.contains(&name.split('.').next().unwrap_or(name)) => format!(".{PACKAGE}.{name}"),
        Some(_) | None => type_name.to_owned(),
    }
}

fn raw(message: &DescriptorProto) -> DescriptorProto {
    DescriptorProto { field: message.field.iter().map(raw_field).collect(), ..message.clone() }
}

fn raw_field(field: &FieldDescriptorProto) -> FieldDescriptorProto {
    if field.type_name() == HISTORY {
        // Optional, because a history without events is not the same as none.
        return FieldDescriptorProto {
            r#type: Some(Type::Bytes.into()),
            type_name: None,
            proto3_optional: Some(true),
            ..field.clone()
        };
    }
    FieldDescriptorProto { type_name: field.type_name.as_deref().map(answer), ..field.clone() }
}
