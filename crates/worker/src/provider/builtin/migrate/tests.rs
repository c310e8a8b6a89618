//! Packs over sources: what is planned, what is changed, what is refused.

use super::*;

fn request(kind: &str, source: &str, target: &str) -> MigrationRequest {
    MigrationRequest {
        migration_type: kind.to_owned(),
        source_version: source.to_owned(),
        target_version: target.to_owned(),
        incremental: true,
        auto_rollback: true,
    }
}

fn sources(files: &[(&str, &str)]) -> Sources {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

/// All steps of the plan, one after the other.
fn migrated(kind: &str, versions: (&str, &str), files: &[(&str, &str)]) -> (MigrationPlan, Sources) {
    let (pack, request) = (builtin(kind).expect("it comes with the worker"), request(kind, versions.0, versions.1));
    let mut now = sources(files);
    let plan = plan(&pack, &request, &now).expect("the pack is understood");
    for step in &plan.steps {
        let step = step_of(&pack, step).expect("it is of the pack");
        let changes = apply(step, &request, &now).expect("the pack is understood");
        assert!(!changes.is_empty(), "{}", step.title);
        now.extend(changes.into_iter().map(|(path, change)| (path, change.after)));
        assert_eq!(
            apply(step, &request, &now).expect("the pack is understood"),
            BTreeMap::new(),
            "{} again",
            step.title
        );
    }
    (plan, now)
}

const REACT: &[(&str, &str)] = &[
    (
        "package.json",
        "{\n  \"dependencies\": {\"react\": \"^16.14.0\", \"react-dom\": \"^16.14.0\"},\n  \
      \"devDependencies\": {\"@testing-library/react\": \"^10.0.0\"}\n}\n",
    ),
    ("src/index.js", "import ReactDOM from 'react-dom';\nReactDOM.render(<App a={1} />, document.body);\n"),
    (
        "src/App.jsx",
        "class App extends React.Component {\n  componentWillMount() { this.load(); }\n}\n\
      App.propTypes = { a: React.PropTypes.number };\n",
    ),
    ("src/App.test.js", "import { act } from 'react-dom/test-utils';\n"),
    ("src/math.js", "export const twice = (a) => a * 2;\n"),
    ("README.md", "Needs React 16.14.0.\n"),
];

#[test]
fn react_is_upgraded_in_six_steps() {
    let (plan, after) = migrated("react-upgrade", ("16.14.0", "18.2.0"), REACT);
    assert_eq!(plan.name, "Migration to 18.2.0");
    assert_eq!((plan.steps.len(), plan.files_scanned, plan.files_affected), (6, 6, 5));
    let deprecated = ["React.PropTypes", "ReactDOM.render", "componentWillMount"].map(str::to_owned);
    assert_eq!(plan.deprecated, BTreeSet::from(deprecated));
    let holds = |path: &str, text: &str| assert!(after[path].contains(text), "{text} in {}", after[path]);
    holds("package.json", "\"react\": \"^18.2.0\", \"react-dom\": \"^18.2.0\"");
    holds("package.json", "\"@testing-library/react\": \"^13.4.0\"");
    holds("src/index.js", "import { createRoot } from 'react-dom/client';\nimport ReactDOM");
    holds("src/index.js", "createRoot(document.body).render(<App a={1} />);");
    holds("src/App.jsx", "UNSAFE_componentWillMount() {");
    holds("src/App.jsx", "a: PropTypes.number");
    holds("src/App.test.js", "from '@testing-library/react'");
    holds("README.md", "React 18.2.0");
    assert_eq!(after["src/math.js"], "export const twice = (a) => a * 2;\n");
}

#[test]
fn python_2_becomes_python_3() {
    let old = "import Queue\n\ndef f(d, names):\n    for name, value in d.iteritems():\n        print name\n    \
               if d.has_key('a'):\n        print \"yes\"\n    half = len(names) / 2\n    \
               return [unicode(i) for i in xrange(half)]\n";
    let new = "import queue as Queue\n\ndef f(d, names):\n    for name, value in d.items():\n        print(name)\n    \
               if ('a' in d):\n        print(\"yes\")\n    half = len(names) // 2\n    \
               return [str(i) for i in range(half)]\n";
    let files =
        [("a.py", old), ("setup.py", "python_requires='>=2.7'\n"), ("b.py", "def xrange_of(a):\n    return a\n")];
    let (plan, after) = migrated("python3-migration", ("2.7", "3.11"), &files);
    assert_eq!(after["a.py"], new);
    assert_eq!(after["setup.py"], "python_requires='>=3.11'\n");
    assert_eq!(after["b.py"], "def xrange_of(a):\n    return a\n");
    assert!(plan.deprecated.contains("iteritems") && !plan.deprecated.contains("raw_input"), "{:?}", plan.deprecated);
    assert!(plan.steps.iter().all(|step| step.title != "Catch exceptions by name"), "it finds nothing");
}

#[test]
fn a_crate_comes_to_another_edition() {
    let old = "extern crate std;\nuse std::i32;\nfn half(text: &str) -> Result<i32, std::num::ParseIntError> {\n    \
               let n: i32 = try!(text.parse());\n    Ok(match n { 0...9 => n / 2, _ => std::i32::MAX })\n}\n";
    let new = "extern crate std;\nuse std::i32;\nfn half(text: &str) -> Result<i32, std::num::ParseIntError> {\n    \
               let n: i32 = (text.parse())?;\n    Ok(match n { 0..=9 => n / 2, _ => i32::MAX })\n}\n";
    let manifest = "[package]\nname = \"half\"\nedition = \"2015\"\n";
    let files = [("src/lib.rs", old), ("Cargo.toml", manifest)];
    let (plan, after) = migrated("rust-edition", ("2015", "2021"), &files);
    assert_eq!(after["src/lib.rs"], new);
    assert_eq!(after["Cargo.toml"], manifest.replace("2015", "2021"));
    assert_eq!((plan.steps.len(), plan.deprecated.contains("try!")), (4, true), "{plan:?}");
}

#[test]
fn a_step_is_undone_by_what_it_remembers() {
    let (pack, request) =
        (builtin("react-upgrade").expect("it is there"), request("react-upgrade", "16.14.0", "18.2.0"));
    let before = sources(REACT);
    let changes = apply(&pack.steps[1], &request, &before).expect("the pack is understood");
    let mut now = before.clone();
    now.extend(changes.iter().map(|(path, change)| (path.clone(), change.after.clone())));
    assert_ne!(now, before);
    now.extend(changes.into_iter().map(|(path, change)| (path, change.before)));
    assert_eq!(now, before);
}

#[test]
fn every_pack_that_comes_with_the_worker_is_understood() {
    for kind in NAMES {
        let pack = builtin(kind).expect("it is there");
        let files = [("a.py", "x = 1\n"), ("a.js", "x\n"), ("a.rs", "mod x;\n"), ("package.json", "{}"), ("a.md", "")];
        for step in &pack.steps {
            apply(step, &request(kind, "1", "2"), &sources(&files)).unwrap_or_else(|e| panic!("{}: {e}", step.title));
        }
    }
    assert_eq!(builtin("no-such"), None);
}

#[test]
fn a_pack_that_is_wrong_says_where() {
    let step = "[[step]]\ntitle = 'y'\nrule = []\n";
    let twins = Pack::read(&format!("name = 'x'\n{step}{step}")).expect_err("one of them would not be done");
    assert!(twins.to_string().contains("two steps are called \"y\": rename one"), "{twins}");
    let error =
        Pack::read("name = 'x'\n[[step]]\ntitle = 'y'\n[[step.rule]]\nkind = 'magic'\n").expect_err("no such kind");
    assert!(error.to_string().contains("magic"), "{error}");
    let text = "name = 'x'\n[[step]]\ntitle = 'y'\n[[step.rule]]\nkind = 'tree'\nname = 'bad'\nfiles = ['.py']\n\
                query = '(nonsense) @whole'\nreplace = ''\n";
    let pack = Pack::read(text).expect("it is TOML");
    let error = apply(&pack.steps[0], &request("x", "1", "2"), &sources(&[("a.py", "")])).expect_err("no such node");
    assert!(error.to_string().starts_with("rule bad: its query is wrong:"), "{error}");
}
