//! Founding, opening again, and every refusal.

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use proptest::prelude::*;
use uuid::Uuid;

use super::{Backend, DataDir, Error, Founding, Identity};

/// What the build under test knows.
const KNOWN: RangeInclusive<u32> = 1..=2;

const FOUNDING: Founding =
    Founding { cluster: Uuid::from_u128(7), node: 3, shards: 16, backend: Backend::Fjall, format: 1, joins: None };

fn open(path: &Path) -> Result<DataDir, Error> {
    DataDir::open(path, &FOUNDING, &KNOWN)
}

/// The message for an operator about a directory that has this identity file.
fn refused(identity: &str) -> Error {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("weft.toml"), identity).unwrap();
    open(dir.path()).unwrap_err()
}

fn golden() -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "# Written by weft-server: whose data lies beside this file. Do not edit.\n\
         magic = \"weft data directory\"\nformat = 1\ncluster = \"00000000-0000-0000-0000-000000000007\"\n\
         node = 3\nshards = 16\ncreated_by = \"{version}\"\nstate = \"fjall\"\n"
    )
}

#[test]
fn a_directory_is_founded_once_and_keeps_its_identity() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("not/there/yet");
    let first = open(&path).unwrap();
    assert!(first.is_new());
    let identity = first.identity().clone();
    drop(first);
    assert_eq!(fs::read_to_string(path.join("weft.toml")).unwrap(), golden());
    let again = DataDir::open(&path, &Founding { cluster: Uuid::nil(), node: 9, ..FOUNDING }, &KNOWN).unwrap();
    assert!(!again.is_new());
    assert_eq!((again.identity(), identity.cluster, identity.node), (&identity, FOUNDING.cluster, FOUNDING.node));
    assert!(again.log() != again.state() && again.state().starts_with(again.path()));
}

#[test]
fn the_data_of_a_node_of_its_own_become_a_clusters() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!DataDir::exists(dir.path()).unwrap());
    let joining = Founding { joins: Some(Uuid::from_u128(9)), ..FOUNDING };
    let mut directory = DataDir::open(dir.path(), &joining, &KNOWN).unwrap();
    directory.adopt(Uuid::from_u128(8)).unwrap();
    let identity = directory.identity().clone();
    drop(directory);
    assert!(DataDir::exists(dir.path()).unwrap());
    let again = open(dir.path()).unwrap();
    assert_eq!((again.identity(), again.identity().cluster), (&identity, Uuid::from_u128(8)));
    assert_eq!(again.identity().joined, Some(Uuid::from_u128(9)), "how it was founded does not change");
}

#[test]
fn an_interrupted_founding_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("LOCK"), "").unwrap();
    fs::write(dir.path().join("weft.toml.new"), "magic = \"we").unwrap();
    fs::create_dir(dir.path().join("lost+found")).unwrap();
    assert!(open(dir.path()).unwrap().is_new());
    assert!(!dir.path().join("weft.toml.new").exists());
}

#[test]
fn a_directory_with_something_else_in_it_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.tex"), "").unwrap();
    let error = open(dir.path()).unwrap_err();
    assert!(matches!(&error, Error::Foreign { found, .. } if found == "thesis.tex"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_file_is_not_a_data_directory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, "").unwrap();
    assert!(matches!(open(&path), Err(Error::NotADirectory { .. })));
}

#[test]
fn a_directory_in_use_is_refused_naming_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).unwrap();
    let error = open(dir.path()).unwrap_err();
    assert!(error.to_string().ends_with(&format!("is in use by process {}", std::process::id())), "{error}");
    fs::write(dir.path().join("LOCK"), "").unwrap();
    let error = open(dir.path()).unwrap_err();
    assert!(error.to_string().ends_with("is in use by another process"), "{error}");
    drop(first);
    open(dir.path()).unwrap();
}

#[test]
fn the_lock_of_a_dead_process_does_not_count() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    fs::write(dir.path().join("LOCK"), "4000000000\n").unwrap();
    open(dir.path()).unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("LOCK")).unwrap(), format!("{}\n", std::process::id()));
}

#[test]
fn a_newer_format_is_refused_whatever_else_it_says() {
    let error = refused("magic = \"weft data directory\"\nformat = 3\nnode = \"seven\"");
    assert!(matches!(error, Error::Newer { found: 3, known: 2, .. }), "{error}");
}

#[test]
fn a_raised_directory_is_refused_by_those_who_do_not_know_the_level() {
    let dir = tempfile::tempdir().unwrap();
    let directory = open(dir.path()).unwrap();
    directory.raise(2).unwrap();
    directory.raise(1).unwrap();
    assert_eq!(directory.identity().format, 1, "as it was opened");
    drop(directory);
    let by = |known: RangeInclusive<u32>| DataDir::open(dir.path(), &FOUNDING, &known);
    let error = by(1..=1).unwrap_err();
    assert!(matches!(error, Error::Newer { found: 2, known: 1, .. }), "{error}");
    let error = by(3..=4).unwrap_err();
    assert!(matches!(error, Error::Older { found: 2, known: 3, .. }), "{error}");
    assert!(error.to_string().contains("wfctl cluster finalize"), "{error}");
    assert_eq!(by(2..=2).unwrap().identity().format, 2);
}

#[test]
fn another_backend_is_refused() {
    let error = refused(&golden().replace("fjall", "sled"));
    assert!(matches!(&error, Error::OtherBackend { found, wanted: "fjall", .. } if found == "sled"), "{error}");
}

#[test]
fn a_damaged_identity_is_refused_saying_what_is_wrong() {
    let check = |identity: &str, expected: &str| {
        let error = refused(identity);
        assert!(matches!(&error, Error::Damaged { why, .. } if why == expected), "{error}");
    };
    check("", "it is not the identity of a data directory");
    check("format = 1", "it is not the identity of a data directory");
    check("= = =", "it is not TOML");
    check(&golden().replace("format = 1", "format = -1"), "it has no format");
    check(&golden().replace("format = 1", "format = 0"), "no version ever had its format");
    check(&golden().replace("cluster = \"", "cluster = \"x"), "it names no cluster");
    check(&golden().replace("node = 3", "node = -3"), "it names no node");
    check(&golden().replace("fjall", "papyrus"), "its state backend is unknown");
}

proptest! {
    #[test]
    fn an_identity_comes_back_as_it_was(
        (cluster, node) in any::<(u128, u32)>(),
        shards in 1_u16..,
        created_by in any::<String>(),
        (fjall, joined) in any::<(bool, Option<u128>)>(),
        format in KNOWN,
    ) {
        let backend = if fjall { Backend::Fjall } else { Backend::Sled };
        let (cluster, joined) = (Uuid::from_u128(cluster), joined.map(Uuid::from_u128));
        let identity = Identity { format, cluster, node, shards, created_by, backend, joined };
        let decoded = Identity::decode(identity.encode().as_bytes(), Path::new("weft.toml"), &KNOWN).unwrap();
        prop_assert_eq!(decoded, identity);
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes: Vec<u8>, text: String) {
        let golden = golden();
        for candidate in [&bytes[..], text.as_bytes(), &golden.as_bytes()[..bytes.len() % golden.len()]] {
            let _ = Identity::decode(candidate, Path::new("weft.toml"), &KNOWN);
        }
    }
}
