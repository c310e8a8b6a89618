//! What types and macros stop before it runs, and what they say: each file of `misuse` is compiled, and must be refused at
//! the line that ends in `//~`, with the words that follow it. `right.rs` must compile.
//!
//! The compiler is called as cargo calls it, with the library that this test is linked with: nothing is built for it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The library of this crate that was built last, and where its dependencies are.
fn library() -> (PathBuf, PathBuf) {
    let test = env::current_exe().expect("a test is a file");
    let deps = test.parent().expect("it stands in a directory").to_path_buf();
    let files = fs::read_dir(&deps).expect("the directory is read").flatten().map(|file| file.path());
    let is_library = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("libweft-") && name.ends_with(".rlib")
    };
    let built = |path: &PathBuf| fs::metadata(path).and_then(|it| it.modified()).expect("a file has a time");
    let newest = files.filter(is_library).max_by_key(built).expect("the library was built before its test");
    (newest, deps)
}

/// What the compiler says to a file; nothing where it is content.
fn compile(file: &Path, output: &Path) -> Option<String> {
    let (library, deps) = library();
    let compiled = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--edition", "2024", "--crate-type", "lib", "--crate-name", "misuse", "--emit", "metadata"])
        .args(["--color", "never", "--cap-lints", "allow", "--out-dir"])
        .arg(output)
        .arg("--extern")
        .arg(format!("weft={}", library.display()))
        .arg("-L")
        .arg(format!("dependency={}", deps.display()))
        .arg(file)
        .output()
        .expect("the compiler runs");
    (!compiled.status.success()).then(|| String::from_utf8_lossy(&compiled.stderr).into_owned())
}

/// What is wrong with what the compiler said to a file.
fn complaint(file: &Path, said: Option<&str>) -> Option<String> {
    let text = fs::read_to_string(file).expect("the file is read");
    let mut expected = text.lines().zip(1..).filter_map(|(line, number)| Some((line.split_once("//~")?.1, number)));
    let name = file.file_name().expect("it has a name").to_string_lossy();
    match (said, expected.next()) {
        (None, None) => None,
        (None, Some(_)) => Some(format!("{name} compiles")),
        (Some(said), None) => Some(format!("{name} does not compile:\n{said}")),
        (Some(said), Some((words, line))) => {
            let words = words.trim();
            let is_said = said.contains(words) && said.contains(&format!("{name}:{line}:"));
            (!is_said).then(|| format!("{name}: expected {words:?} at line {line}, and got\n{said}"))
        }
    }
}

#[test]
fn each_misuse_is_refused_at_its_line_with_words_that_help() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/misuse");
    let output = tempfile::tempdir().expect("a directory for what is compiled");
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory).expect("the directory is read").flatten().map(|file| file.path()).collect();
    files.sort();
    assert!(files.len() > 20, "all of them are there");
    let complaints: Vec<String> =
        files.iter().filter_map(|file| complaint(file, compile(file, output.path()).as_deref())).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}
