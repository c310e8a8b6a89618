//! Writes the static table by which `canonical.rs` finds maps in encoded bytes.
//!
//! Only fields that are maps, or messages that can contain one at any depth, are listed: everything else is skipped
//! without being looked into.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet, MessageOptions};

/// Every message by its full name (no leading dot), map entries included.
type Messages<'a> = BTreeMap<String, &'a DescriptorProto>;

pub(crate) fn generate(descriptors: &FileDescriptorSet) -> String {
    let mut messages = Messages::new();
    for file in &descriptors.file {
        for message in &file.message_type {
            collect(file.package(), message, &mut messages);
        }
    }
    let with_maps = messages_with_maps(&messages);
    let index: BTreeMap<&str, usize> = with_maps.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();

    let mut names = String::new();
    for name in messages.iter().filter(|(_, message)| !is_map_entry(message)).map(|(name, _)| name) {
        match index.get(name.as_str()) {
            Some(at) => writeln!(names, "    (\"{name}\", Some({at})),"),
            None => writeln!(names, "    (\"{name}\", None),"),
        }
        .expect("writing to a string never fails");
    }
    let mut schemas = String::new();
    for name in &with_maps {
        let fields: Vec<String> =
            messages[name].field.iter().filter_map(|field| entry(field, &messages, &index)).collect();
        writeln!(schemas, "    &[{}], // {name}", fields.join(", ")).expect("writing to a string never fails");
    }
    format!("static NAMES: &[(&str, Option<u16>)] = &[\n{names}];\n\nstatic SCHEMAS: &[&[Field]] = &[\n{schemas}];\n")
}

fn collect<'a>(scope: &str, message: &'a DescriptorProto, into: &mut Messages<'a>) {
    let name = format!("{scope}.{}", message.name());
    for nested in &message.nested_type {
        collect(&name, nested, into);
    }
    into.insert(name, message);
}

/// The messages from which a map can be reached, found by going round until nothing is added. Map entries are no
/// messages of their own here: they are dealt with where the map is.
fn messages_with_maps(messages: &Messages<'_>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    loop {
        let before = found.len();
        for (name, message) in messages.iter().filter(|(_, message)| !is_map_entry(message)) {
            let leads_to_map = message.field.iter().filter_map(target).any(|target| {
                found.contains(target) || messages.get(target).is_some_and(|message| is_map_entry(message))
            });
            if leads_to_map {
                found.insert(name.clone());
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

fn entry(field: &FieldDescriptorProto, messages: &Messages<'_>, index: &BTreeMap<&str, usize>) -> Option<String> {
    let target = target(field)?;
    let number = field.number();
    let message = messages.get(target)?;
    if !is_map_entry(message) {
        let at = index.get(target)?;
        return Some(format!("Field {{ number: {number}, holds: Holds::Message({at}) }}"));
    }
    let value = message.field.iter().find(|field| field.number() == 2)?;
    let value = self::target(value).and_then(|value| index.get(value));
    Some(format!("Field {{ number: {number}, holds: Holds::Map {{ value: {value:?} }} }}"))
}

fn target(field: &FieldDescriptorProto) -> Option<&str> {
    (field.r#type() == Type::Message).then(|| field.type_name().trim_start_matches('.'))
}

fn is_map_entry(message: &DescriptorProto) -> bool {
    message.options.as_ref().is_some_and(MessageOptions::map_entry)
}
