//! What a model may do: look at files, write files, and run the tests, all within the worktree.

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{ToolCall, ToolResult};
use crate::provider::{
    Error, PatchTask,
    shell::{Call, Shell},
};

/// How much of a file or an output a model is shown, in characters.
const SHOWN_CHARS: usize = 20_000;
/// Most files of a list.
const LISTED_MAX: usize = 1_000;
/// One run of the tests.
const TESTS: Duration = Duration::from_secs(600);

/// A tool as it is described to a model.
pub(super) struct Description {
    pub name: &'static str,
    pub what: &'static str,
    /// Names of its arguments, all of them texts.
    arguments: &'static [&'static str],
}

pub(super) const DESCRIPTIONS: [Description; 4] = [
    Description { name: "list_files", what: "All files of the repository.", arguments: &[] },
    Description { name: "read_file", what: "The text of a file.", arguments: &["path"] },
    Description { name: "write_file", what: "Writes a file, whole.", arguments: &["path", "text"] },
    Description { name: "run_tests", what: "Runs the tests and shows what they print.", arguments: &[] },
];

impl Description {
    pub(super) fn schema(&self) -> Value {
        let properties: serde_json::Map<String, Value> =
            self.arguments.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
        json!({"type": "object", "properties": properties, "required": self.arguments})
    }
}

/// The tools of one attempt.
pub(super) struct Tools<'a> {
    task: &'a PatchTask,
    written: Mutex<BTreeSet<String>>,
}

impl<'a> Tools<'a> {
    pub(super) fn new(task: &'a PatchTask) -> Self {
        Self { task, written: Mutex::default() }
    }

    /// Files that were written.
    pub(super) fn written(&self) -> BTreeSet<String> {
        self.written.lock().clone()
    }

    /// Does what a recorded call did to the worktree; what it said is in the record.
    pub(super) fn again(&self, call: &ToolCall) {
        if call.name == "write_file" {
            // It was allowed or refused the first time; so it is now.
            let _ = self.write(call);
        }
    }

    /// What a tool says; that it failed is something for the model to know.
    pub(super) async fn call(&self, call: &ToolCall) -> Result<ToolResult, Error> {
        let said = match call.name.as_str() {
            "list_files" => self.list(),
            "read_file" => self.read(call),
            "write_file" => self.write(call),
            "run_tests" => self.tests().await?,
            other => Err(format!("there is no tool {other}")),
        };
        let (text, failed) = said.map_or_else(|why| (why, true), |text| (text, false));
        Ok(ToolResult { id: call.id.clone(), text, failed })
    }

    fn list(&self) -> Result<String, String> {
        let mut found = Vec::new();
        gather(&self.task.worktree, &self.task.worktree, &mut found).map_err(|e| e.to_string())?;
        found.sort();
        found.truncate(LISTED_MAX);
        Ok(found.join("\n"))
    }

    fn read(&self, call: &ToolCall) -> Result<String, String> {
        let path = self.place(call)?;
        fs::read_to_string(&path).map(|text| shown(&text)).map_err(|e| e.to_string())
    }

    fn write(&self, call: &ToolCall) -> Result<String, String> {
        let text = call.arguments["text"].as_str().ok_or("the argument text is missing")?;
        let path = self.place(call)?;
        path.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, text))
            .map_err(|e| e.to_string())?;
        let name = path.strip_prefix(&self.task.worktree).unwrap_or(&path).display().to_string();
        self.written.lock().insert(name);
        Ok(format!("{} bytes written", text.len()))
    }

    async fn tests(&self) -> Result<Result<String, String>, Error> {
        let call = Call::new(&self.task.tests, &self.task.worktree, TESTS);
        let ended = Shell::run(self.task.shell.as_ref(), call).await?;
        let outcome = if ended.success { "The tests pass." } else { "The tests fail." };
        Ok(Ok(format!("{outcome}\n{}", shown(&ended.output()))))
    }

    /// A path within the worktree, through no link and not into git's own folder.
    fn place(&self, call: &ToolCall) -> Result<PathBuf, String> {
        let named = call.arguments["path"].as_str().ok_or("the argument path is missing")?;
        let mut place = self.task.worktree.clone();
        let mut parts = 0;
        for part in Path::new(named).components() {
            match part {
                Component::Normal(name) if name != ".git" => place.push(name),
                Component::CurDir => continue,
                Component::Normal(_) | Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                    return Err(format!("{named} is not within the repository"));
                }
            }
            parts += 1;
            if fs::symlink_metadata(&place).is_ok_and(|it| it.is_symlink()) {
                return Err(format!("{named} goes through a link"));
            }
        }
        if parts == 0 { Err("the path is empty".to_owned()) } else { Ok(place) }
    }
}

fn gather(root: &Path, folder: &Path, found: &mut Vec<String>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() && !matches!(entry.file_name().to_str(), Some(".git" | "target" | "node_modules")) {
            gather(root, &path, found)?;
        } else if kind.is_file() {
            found.extend(path.strip_prefix(root).ok().map(|it| it.display().to_string()));
        }
    }
    Ok(())
}

fn shown(text: &str) -> String {
    let surplus = text.chars().count().saturating_sub(SHOWN_CHARS);
    if surplus == 0 {
        return text.to_owned();
    }
    let start: String = text.chars().take(SHOWN_CHARS / 2).collect();
    let end: String = text.chars().skip(SHOWN_CHARS / 2 + surplus).collect();
    format!("{start}\n[{surplus} characters are left out]\n{end}")
}
