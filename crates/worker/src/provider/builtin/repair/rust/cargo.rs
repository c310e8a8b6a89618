//! What cargo says when it builds tests: which binaries there are, or where the errors stand.
//!
//! Pure: command lines and text.

use std::{ops::Range, path::PathBuf};

use serde_json::Value;

/// A binary of tests and where it is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Binary {
    pub path: String,
    pub directory: PathBuf,
}

/// What an error of the compiler points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Fault {
    pub file: String,
    pub bytes: Range<usize>,
}

/// What came of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Build {
    pub binaries: Vec<Binary>,
    pub faults: Vec<Fault>,
    /// The first error in words.
    pub error: Option<String>,
}

/// Whether this runs tests with cargo.
pub(in super::super) fn is_cargo_test(command: &[String]) -> bool {
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    matches!(words.as_slice(), [cargo, "test", ..] if cargo.rsplit('/').next() == Some("cargo"))
}

/// The command that only builds, and says what in JSON.
pub(in super::super) fn build_command(command: &[String]) -> Vec<String> {
    let own = command.iter().take_while(|word| *word != "--").filter(|word| *word != "-q" && *word != "--quiet");
    own.cloned().chain(["--no-run", "--message-format=json"].map(str::to_owned)).collect()
}

/// Reads cargo's lines of JSON; what is no JSON is left out.
pub(in super::super) fn read(output: &str) -> Build {
    let mut build = Build::default();
    for line in output.lines() {
        let Ok(message) = serde_json::from_str::<Value>(line) else { continue };
        match message["reason"].as_str() {
            Some("compiler-artifact") => build.binaries.extend(binary(&message)),
            Some("compiler-message") if message["message"]["level"] == "error" => build.fault(&message["message"]),
            _ => {}
        }
    }
    build
}

fn binary(message: &Value) -> Option<Binary> {
    let path = message["executable"].as_str().filter(|_| message["profile"]["test"] == true)?;
    let mut directory = PathBuf::from(message["manifest_path"].as_str()?);
    directory.pop();
    Some(Binary { path: path.to_owned(), directory })
}

impl Build {
    fn fault(&mut self, message: &Value) {
        self.error.get_or_insert_with(|| message["message"].as_str().unwrap_or_default().to_owned());
        let spans = message["spans"].as_array().into_iter().flatten().filter(|span| span["is_primary"] == true);
        for span in spans {
            let byte = |name: &str| usize::try_from(span[name].as_u64()?).ok();
            if let (Some(file), Some(start), Some(end)) =
                (span["file_name"].as_str(), byte("byte_start"), byte("byte_end"))
            {
                self.faults.push(Fault { file: file.to_owned(), bytes: start..end });
            }
        }
    }
}

/// The names of the tests of a binary, as it lists them.
pub(in super::super) fn tests(list: &str) -> Vec<String> {
    list.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cargo_test_is_taken_apart() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(is_cargo_test(&words("/usr/bin/cargo test --offline")));
        assert!(!is_cargo_test(&words("cargo nextest run")));
        let build = build_command(&words("cargo test -q --offline -- --nocapture"));
        assert_eq!(build.join(" "), "cargo test --offline --no-run --message-format=json");
    }

    #[test]
    fn binaries_and_errors_are_read() {
        let output = r#"
            {"reason":"compiler-artifact","executable":"/t/a-1","profile":{"test":true},"manifest_path":"/w/Cargo.toml"}
            {"reason":"compiler-artifact","executable":null,"profile":{"test":false},"manifest_path":"/w/Cargo.toml"}
            {"reason":"compiler-message","message":{"level":"error","message":"mismatched types","spans":[
            "#
        .to_owned();
        let error = r#"{"reason":"compiler-message","message":{"level":"error","message":"mismatched types","spans":[{"file_name":"src/lib.rs","byte_start":3,"byte_end":9,"is_primary":true},{"file_name":"src/lib.rs","byte_start":0,"byte_end":1,"is_primary":false}]}}"#;
        let build = read(&format!("{output}\n{error}"));
        assert_eq!(build.binaries, [Binary { path: "/t/a-1".to_owned(), directory: PathBuf::from("/w") }]);
        assert_eq!(build.faults, [Fault { file: "src/lib.rs".to_owned(), bytes: 3..9 }]);
        assert_eq!(build.error.as_deref(), Some("mismatched types"));
        assert_eq!(tests("a::b: test\nc: test\n\n2 tests, 0 benchmarks\n"), ["a::b", "c"]);
    }
}
