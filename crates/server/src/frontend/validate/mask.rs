//! Field masks: which fields of a message a request is about.

use weft_protocol::{error::Error, prost_wkt_types::FieldMask};

/// Each path begins with a field that there is.
///
/// # Errors
/// Names the first one that does not, as protobuf libraries do.
pub(crate) fn check(paths: &[String], fields: &[&str], message: &str) -> Result<(), Error> {
    let known = |path: &&String| fields.contains(&path.split('.').next().unwrap_or_default());
    match paths.iter().find(|path| !known(path)) {
        Some(path) => {
            let why = format!("error parsing UpdateMask: proto:\u{a0}invalid path {path:?} for message {message:?}");
            Err(Error::invalid_argument(why))
        }
        None => Ok(()),
    }
}

/// The paths of a mask, with underscores whether they were written so or in camel case.
pub(crate) fn paths(mask: &FieldMask) -> Vec<String> {
    mask.paths.iter().map(|path| with_underscores(path)).collect()
}

fn with_underscores(path: &str) -> String {
    let mut written = String::with_capacity(path.len() + 4);
    let mut before = '.';
    for letter in path.chars() {
        if letter.is_ascii_uppercase() && before != '.' && before != '_' {
            written.push('_');
        }
        written.push(letter.to_ascii_lowercase());
        before = letter;
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_write_a_path_are_one() {
        let mask = FieldMask { paths: ["task_queue.name", "taskQueue.name", "TaskQueue.Name"].map(Into::into).into() };
        assert_eq!(paths(&mask), ["task_queue.name"; 3]);
        let mask = FieldMask { paths: vec!["scheduleToCloseTimeout".into(), "Schedule_To_Close_Timeout".into()] };
        assert_eq!(paths(&mask), ["schedule_to_close_timeout"; 2]);
    }
}
