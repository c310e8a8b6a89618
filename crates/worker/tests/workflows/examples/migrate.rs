//! Code migration: React 16 to 18 in six steps (example 1), and Python 2 to 3 that is undone at its fourth (example 2).

use std::fmt::Write;

use weft_worker::model::MigrationResult;

use super::project::number_next;
use crate::{
    real_migration::{nothing, play},
    shelf::Shelf,
};

/// Both incremental and with auto-rollback, as the document asks for them.
async fn migrated(shelf: &Shelf, kind: &str, source: &str, target: &str) -> anyhow::Result<MigrationResult> {
    Ok(play(shelf, shelf.migration(kind, source, target), nothing).await??)
}

/// As much of React, in its place, as the application and its tests need: old ways and new ones.
const REACT: &[(&str, &str)] = &[
    (
        "node_modules/react/package.json",
        r#"{"name": "react", "version": "18.2.0", "type": "module", "main": "index.js"}"#,
    ),
    (
        "node_modules/react/index.js",
        "export class Component {\n  constructor(props) {\n    this.props = props;\n  }\n}\n\
         const PropTypes = { number: 'number' };\n\
         const createElement = (type, props) => ({ type, props });\n\
         export default { Component, PropTypes, createElement };\n",
    ),
    (
        "node_modules/react-dom/package.json",
        r#"{"name": "react-dom", "version": "18.2.0", "type": "module", "main": "index.js",
            "exports": {".": "./index.js", "./client": "./client.js", "./test-utils": "./test-utils.js"}}"#,
    ),
    (
        "node_modules/react-dom/client.js",
        "export function createRoot(container) {\n  return {\n    render(element) {\n      \
         const app = new element.type(element.props);\n      \
         (app.UNSAFE_componentWillMount ?? app.componentWillMount)?.call(app);\n      \
         container.shown = app.render();\n    },\n  };\n}\n",
    ),
    (
        "node_modules/react-dom/index.js",
        "import { createRoot } from './client.js';\n\
         const mount = (element, container) => createRoot(container).render(element);\n\
         export default { render: mount };\n",
    ),
    ("node_modules/react-dom/test-utils.js", "export const act = (work) => work();\n"),
    (
        "node_modules/@testing-library/react/package.json",
        r#"{"name": "@testing-library/react", "version": "13.4.0", "type": "module", "main": "index.js"}"#,
    ),
    ("node_modules/@testing-library/react/index.js", "export const act = (work) => work();\n"),
    ("node_modules/prop-types/package.json", r#"{"name": "prop-types", "type": "module", "main": "index.js"}"#),
    ("node_modules/prop-types/index.js", "export default { number: 'number' };\n"),
];

const APPLICATION: &[(&str, &str)] = &[
    (
        "package.json",
        "{\n  \"type\": \"module\",\n  \"dependencies\": {\"react\": \"^16.14.0\", \"react-dom\": \"^16.14.0\"},\n  \
         \"devDependencies\": {\"@testing-library/react\": \"^10.0.0\"}\n}\n",
    ),
    (
        "src/App.js",
        "import React from 'react';\n\nexport class App extends React.Component {\n  componentWillMount() {\n    \
         this.count = this.props.start + 1;\n  }\n\n  render() {\n    return `count ${this.count}`;\n  }\n}\n\
         App.propTypes = { start: React.PropTypes.number };\n",
    ),
    (
        "src/index.js",
        "import React from 'react';\nimport ReactDOM from 'react-dom';\nimport { App } from './App.js';\n\n\
         export function show(container) {\n  ReactDOM.render(React.createElement(App, { start: 1 }), container);\n}\n",
    ),
    (
        "src/App.test.js",
        "import assert from 'node:assert';\nimport test from 'node:test';\nimport { act } from 'react-dom/test-utils';\n\
         import { App } from './App.js';\nimport { show } from './index.js';\n\n\
         test('the count goes on from its start', () => {\n  const container = {};\n  act(() => show(container));\n  \
         assert.equal(container.shown, 'count 2');\n});\n\n\
         test('the start is a number', () => assert.equal(App.propTypes.start, 'number'));\n",
    ),
    ("README.md", "# Counter\n\nNeeds React 16.14.0.\n"),
];

#[tokio::test(flavor = "multi_thread")]
async fn example_1_react_16_to_18() -> anyhow::Result<()> {
    let shelf = Shelf::of(&[REACT, APPLICATION].concat())?;
    number_next(&shelf, 459)?;
    let result = migrated(&shelf, "react-upgrade", "16.14.0", "18.2.0").await?;
    assert_eq!(result.plan_name, "Migration to 18.2.0");
    assert_eq!((result.total_steps, result.completed_steps, result.failed_steps), (6, 6, 0), "{result:#?}");
    let steps: Vec<(&str, bool)> =
        result.step_results.iter().map(|step| (step.step_id.as_str(), step.success)).collect();
    assert_eq!(steps, ["step-1", "step-2", "step-3", "step-4", "step-5", "step-6"].map(|step| (step, true)));
    assert!(!result.rollback_performed && !result.line_stopped);
    let url = result.final_pr_url.expect("there is one");
    assert!(url.ends_with("/pull-requests/459.json"), "{url}");
    let report = std::fs::read_to_string(url.trim_start_matches("file://"))?;
    for told in [
        "6 done, 0 failed",
        "Update package.json dependencies",
        "Update ReactDOM.render to createRoot",
        "2 of 2 tests pass",
    ] {
        assert!(report.contains(told), "{told:?} is not in {report}");
    }
    let branch = result.branch_name.expect("there is one");
    let show = |file: &str| shelf.asked(&["show", &format!("{branch}:{file}")]);
    assert!(show("package.json")?.contains("\"react\": \"^18.2.0\""));
    assert!(
        show("src/App.js")?.contains("UNSAFE_componentWillMount") && show("src/App.js")?.contains(": PropTypes.number")
    );
    assert!(show("src/index.js")?.contains("createRoot(container).render(React.createElement(App, { start: 1 }))"));
    assert!(show("src/App.test.js")?.contains("from '@testing-library/react'"));
    assert!(show("README.md")?.contains("Needs React 18.2.0"));
    assert_eq!(shelf.asked(&["rev-list", "--count", &format!("main..{branch}")])?, "6");
    Ok(())
}

/// Names that Python 3 has under another name.
const RENAMED: [(&str, &str); 8] = [
    ("xrange", "range"),
    ("unicode", "str"),
    ("long", "int"),
    ("unichr", "chr"),
    ("raw_input", "input"),
    ("basestring", "str"),
    ("buffer", "memoryview"),
    ("cmp_all", "sorted"),
];

/// A repository with a rule pack of so many steps, of which this one, counted from 1, writes what is no Python.
fn renaming(steps: usize, failing: usize) -> anyhow::Result<Shelf> {
    let (mut pack, mut compat, mut shelf, mut tests) =
        ("name = \"python3-migration\"\n".to_owned(), String::new(), String::new(), String::new());
    for (number, (old, new)) in (1..=steps).zip(RENAMED) {
        let more = if number == failing { "(" } else { "" };
        let _ = write!(
            pack,
            "\n[[step]]\ntitle = \"Rename {old}\"\n\n[[step.rule]]\nkind = \"text\"\nname = \"{old}\"\n\
             files = [\"shelf.py\"]\nfind = \" {old}(\"\nreplace = \" {new}({more}\"\n"
        );
        let _ = writeln!(compat, "{old} = {new}");
        let _ = writeln!(shelf, "\n\ndef use_{old}(value):\n    return {old}(value)");
        let _ = writeln!(tests, "\n    def test_{old}(self):\n        self.assertTrue(callable(shelf.use_{old}))");
    }
    Shelf::of(&[
        (".weft/migrations/python3-migration.toml", &pack),
        ("compat.py", &compat),
        ("shelf.py", &format!("from compat import *\n{shelf}")),
        ("test_shelf.py", &format!("import unittest\n\nimport shelf\n\n\nclass Shelf(unittest.TestCase):{tests}")),
    ])
}

/// Fails at this step, and is undone: all refs are as they were.
async fn rolled_back(steps: usize, failing: usize) -> anyhow::Result<MigrationResult> {
    let shelf = renaming(steps, failing)?;
    let before = shelf.asked(&["for-each-ref"])?;
    let result = migrated(&shelf, "python3-migration", "2.7", "3.11").await?;
    let found: Vec<(String, bool, bool)> =
        result.step_results.iter().map(|step| (step.step_id.clone(), step.success, step.undone)).collect();
    let expected = (1..=failing).map(|step| (format!("step-{step}"), step < failing, step < failing));
    assert_eq!(found, expected.collect::<Vec<_>>());
    assert_eq!((result.failed_steps, result.final_pr_url.as_deref()), (1, None));
    assert_eq!(shelf.asked(&["for-each-ref"])?, before);
    Ok(result)
}

#[tokio::test(flavor = "multi_thread")]
async fn example_2_migration_with_rollback() -> anyhow::Result<()> {
    let result = rolled_back(RENAMED.len(), 4).await?;
    assert_eq!(result.plan_name, "Migration to 3.11");
    assert_eq!((result.total_steps, result.completed_steps, result.rollback_performed), (8, 3, true), "{result:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_is_rolled_back_from_each_of_its_steps() -> anyhow::Result<()> {
    for failing in 1..=3 {
        assert_eq!(rolled_back(3, failing).await?.rollback_performed, failing > 1);
    }
    Ok(())
}
