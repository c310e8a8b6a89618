//! libFuzzer's side has every target, by the same name.

use std::{collections::BTreeSet, fs, path::Path};

use weft_fuzz::TARGETS;

#[test]
fn every_target_has_a_program_for_libfuzzer_and_the_other_way_round() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("it is there");
    let files: BTreeSet<String> = fs::read_dir(folder.join("fuzz_targets"))
        .expect("it is there")
        .map(|entry| {
            entry.expect("it can be listed").path().file_stem().expect("a name").to_string_lossy().into_owned()
        })
        .collect();
    assert_eq!(files, TARGETS.iter().map(|target| target.name.to_owned()).collect());
    for name in &files {
        let file = format!("fuzz_targets/{name}.rs");
        assert!(
            manifest.contains(&format!("name = \"{name}\"\npath = \"{file}\"")),
            "{name} is not in fuzz/Cargo.toml"
        );
        let text = fs::read_to_string(folder.join(&file)).expect("it is there");
        assert!(text.contains(&format!("weft_fuzz::fuzz(\"{name}\", data)")), "{file} fuzzes something else");
    }
}
