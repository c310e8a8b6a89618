//! Repositories of the examples: files, tools for their checks, and a forge that has seen many pull requests before.

use std::{fmt::Write, ops::Range};

use crate::shelf::Shelf;

/// What the eight checks are in the examples' projects in Python, whose code is in this folder.
pub(super) fn checks(folder: &str, fix_of_coverage: &str) -> String {
    format!(
        r#"checks:
  unit_tests: {{ command: "python3 -B -m unittest discover --verbose -s tests -t .", report: python_unittest }}
  integration_tests:
    {{ command: "python3 -B -m unittest discover --verbose -s integration -t .", report: python_unittest, nothing_statuses: [5] }}
  lint: {{ command: "python3 -B tools/look.py lint {folder}", report: sarif, fix: "find {folder} -name '*.py' | xargs sed -i 's/[ \t]*$//'" }}
  security: {{ command: "python3 -B tools/look.py security {folder}", report: sarif }}
  coverage: {{ command: "python3 -B tools/coverage.py {folder}", report: lcov{fix_of_coverage} }}
  performance: python3 -B -m timeit -n 10 "sum(range(1000))"
  dependencies: python3 -B tools/dependencies.py
  static_analysis: {{ command: "python3 -B tools/look.py analysis {folder} integration", report: sarif }}
"#
    )
}

/// The tools that [`checks`] run.
pub(super) fn tools() -> Vec<(String, String)> {
    let files = [
        ("tools/coverage.py", include_str!("../../fixtures/examples/tools/coverage.py")),
        ("tools/look.py", include_str!("../../fixtures/examples/tools/look.py")),
        ("tools/dependencies.py", include_str!("../../fixtures/examples/tools/dependencies.py")),
        ("tools/newest.txt", include_str!("../../fixtures/examples/tools/newest.txt")),
        ("requirements.txt", "notices==2.1.0\n"),
    ];
    files.map(|(name, text)| (name.to_owned(), text.to_owned())).into()
}

/// Functions of two lines each: the first few have a trailing space, some say something else than the tests want.
pub(super) fn functions(count: usize, untidy: usize, faulty: Range<usize>) -> String {
    let mut text = String::new();
    for kind in 0..count {
        let word = if faulty.contains(&kind) { "to" } else { "for" };
        let space = if kind < untidy { " " } else { "" };
        let _ = writeln!(text, "def kind_{kind}(name):{space}\n    return f\"kind {kind} {word} {{name}}\"\n\n");
    }
    text
}

/// So many tests of [`functions`], which reach so many of them.
pub(super) fn tests(module: &str, count: usize, reached: usize) -> String {
    let mut text = format!(
        "import unittest\n\nimport {module} as module\n\n\nclass Kinds(unittest.TestCase):\n    def test_all(self):\n        \
         for kind in range({reached}):\n            self.assertIn(\"Ada\", getattr(module, f\"kind_{{kind}}\")(\"Ada\"))\n"
    );
    for test in 1..count {
        let (kind, check) = (test % reached, format!("\n    def test_{test}(self):\n        self.assertEqual"));
        let _ = writeln!(text, "{check}(module.kind_{kind}(\"Ada\"), \"kind {kind} for Ada\")");
    }
    text
}

/// A repository whose `main` has these files.
pub(super) fn repository(files: &[(String, String)]) -> anyhow::Result<Shelf> {
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Shelf::of(&files)
}

/// The next pull request has this number.
pub(super) fn number_next(shelf: &Shelf, number: u64) -> anyhow::Result<()> {
    let issues = std::path::Path::new(&shelf.path()).join("weft/issues");
    std::fs::create_dir_all(&issues)?;
    let before = serde_json::json!({ "key": "a person", "title": "An older issue", "text": "", "labels": [] });
    Ok(std::fs::write(issues.join(format!("{}.json", number - 1)), before.to_string())?)
}

/// A developer who does this to the repository.
pub(super) fn developer(script: &str) -> String {
    let words = serde_json::json!(["sh", "-euc", script]);
    format!("roles.patch = \"developer\"\n\n[providers.developer]\nkind = \"command\"\nwords = {words}\n")
}

/// What an address of the local forge leads to.
pub(super) fn kept(address: &str) -> anyhow::Result<serde_json::Value> {
    Ok(serde_json::from_str(&std::fs::read_to_string(address.trim_start_matches("file://"))?)?)
}
