//! The check of JSON, TOML and YAML files, by the parsers that this machine's Python has.

use super::{super::command::CouldNotRun, Finding, Repo, count};

/// Files that are JSON with comments by their tools' rules.
const PATTERNS: [&str; 8] = [
    "*.json",
    "*.toml",
    "*.yml",
    "*.yaml",
    ":(exclude,glob)**/tsconfig*.json",
    ":(exclude,glob)**/.vscode/**",
    ":(exclude,glob)**/.devcontainer/**",
    ":(exclude,glob)**/.eslintrc.json",
];

/// Prints `wrong` lines for files that do not parse and `unread` lines for files that it has no parser for.
const PARSE: &str = r#"
import json, os, sys
sys.stdout.reconfigure(errors="backslashreplace")
parsers = {".json": json.loads}
try:
    import tomllib
    parsers[".toml"] = tomllib.loads
except ImportError:
    pass
try:
    import yaml
    parsers[".yml"] = parsers[".yaml"] = lambda text: [None for _ in yaml.parse(text)]
except ImportError:
    pass
for name in filter(None, sys.stdin.buffer.read().split(b"\0")):
    name = os.fsdecode(name)
    parse = parsers.get(os.path.splitext(name)[1])
    if parse is None:
        print("unread", name)
        continue
    try:
        with open(name, encoding="utf-8") as file:
            parse(file.read())
    except OSError:
        raise
    except Exception as error:
        print("wrong", f"{name}: {' '.join(str(error).split())}")
"#;

pub(super) async fn files(repo: &Repo) -> Result<Finding, CouldNotRun> {
    let files = repo.files(&PATTERNS).await?;
    if files.is_empty() {
        return Ok(Finding::not_applicable("no JSON, TOML or YAML files"));
    }
    let input = files.join("\0");
    let ran = repo.run("python3", &["-I", "-B", "-c", PARSE], input.as_bytes()).await?;
    if ran.code != 0 {
        return Err(ran.trouble());
    }
    let lines = ran.lines();
    let wrong: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("wrong ")).map(str::to_owned).collect();
    let unread = lines.iter().filter(|line| line.starts_with("unread ")).count();
    let read = files.len() - unread.min(files.len());
    let left_out = if unread > 0 { format!("; no parser here for {unread}") } else { String::new() };
    match (read, wrong.len()) {
        (0, _) => Err(CouldNotRun::for_good(format!("python3 has no parser for any of {}", count(unread, "file")))),
        (_, 0) => Ok(Finding::passed(&ran, format!("{}, well-formed{left_out}", count(read, "file")))),
        (_, bad) => Ok(Finding::failed(&ran, format!("{bad} of {} broken{left_out}", count(read, "file")), wrong)),
    }
}
