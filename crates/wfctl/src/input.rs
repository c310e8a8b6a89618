//! Arguments of workflows, signals and queries: JSON in, payloads out.

use std::{
    collections::HashMap,
    io::Read,
    path::{Path, PathBuf},
};

use clap::Args;
use weft_client::api::common::Payload;
use weft_protocol::payload::json_plain;

use crate::exit::Failure;

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Input {
    /// One argument as JSON; again for each further one; `-` reads it from standard input
    #[arg(short, long = "input", value_name = "JSON", allow_negative_numbers = true)]
    input: Vec<String>,
    /// One argument from a file of JSON; again for each further one; after those of --input
    #[arg(long, value_name = "FILE")]
    input_file: Vec<PathBuf>,
}

impl Input {
    pub(crate) fn payloads(&self) -> Result<Vec<Payload>, Failure> {
        let given = self.input.iter().map(|text| if text == "-" { standard_input() } else { argument(text) });
        given.chain(self.input_file.iter().map(|path| file(path))).collect()
    }
}

pub(crate) fn argument(text: &str) -> Result<Payload, Failure> {
    json(text).map_err(|why| {
        Failure::usage(format!(
            "--input {text} is not JSON ({why}); a text is written --input '{:#}'",
            serde_json::json!(text)
        ))
    })
}

fn file(path: &Path) -> Result<Payload, Failure> {
    let path_shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read the input file {path_shown}: {error}")))?;
    json(&text).map_err(|why| Failure::usage(format!("the input file {path_shown} is not JSON ({why})")))
}

fn standard_input() -> Result<Payload, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("cannot read standard input: {error}")))?;
    json(&text).map_err(|why| Failure::usage(format!("standard input is not JSON ({why})")))
}

fn json(text: &str) -> Result<Payload, serde_json::Error> {
    serde_json::from_str::<serde_json::Value>(text)?;
    Ok(json_plain(text.trim()))
}

/// `KEY=JSON`, for memos and search attributes.
pub(crate) fn keyed(option: &str, pairs: &[String]) -> Result<HashMap<String, Payload>, Failure> {
    let read = |pair: &String| {
        let (key, value) = pair
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| Failure::usage(format!("{option} {pair} is not KEY=JSON")))?;
        let payload = json(value).map_err(|why| {
            let quoted = serde_json::json!(value);
            Failure::usage(format!(
                "{option} {pair}: the value is not JSON ({why}); a text is written '{key}={quoted}'"
            ))
        })?;
        Ok((key.to_owned(), payload))
    };
    pairs.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_quotes_is_refused_with_quotes() {
        let input = Input { input: vec!["Ada".to_owned()], input_file: Vec::new() };
        let says = input.payloads().unwrap_err().says;
        assert!(says.contains("--input Ada is not JSON") && says.ends_with("--input '\"Ada\"'"), "{says}");
    }

    #[test]
    fn arguments_keep_their_text_and_their_order() {
        let input = Input { input: vec!["{\"a\": 1}".to_owned(), " 2 ".to_owned()], input_file: Vec::new() };
        let payloads = input.payloads().unwrap();
        assert_eq!(payloads, [json_plain("{\"a\": 1}"), json_plain("2")]);
    }

    #[test]
    fn keys_and_values_are_split_at_the_first_equals_sign() {
        let found = keyed("--memo", &["a=\"x=y\"".to_owned()]).unwrap();
        assert_eq!(found, [("a".to_owned(), json_plain("\"x=y\""))].into());
        assert!(keyed("--memo", &["a".to_owned()]).unwrap_err().says.contains("is not KEY=JSON"));
        assert!(keyed("--memo", &["a=x".to_owned()]).unwrap_err().says.contains("'a=\"x\"'"));
    }
}
