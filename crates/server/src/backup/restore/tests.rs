//! Backups that were damaged in every way: a data directory is made of a whole one, and nothing of any other.

use std::fs;

use bytes::Bytes;
use tempfile::TempDir;
use weft_rows::{Supported, picture::Piece};

use super::*;
use crate::backup::{Frame, GroupHead, Source, save};

const RESTORING: Restoring = Restoring { cluster: Uuid::from_u128(8), node: 3 };

fn stands(group: u32, index: u64) -> AppliedRow {
    AppliedRow { index, mark: vec![1, 2, 3], leader: 2, term: 9, epoch: 4, sequence: 17, stamp: i64::from(group) }
}

fn first_piece(group: u32, rows: &[(u8, &[u8])]) -> Frame {
    let rows: Vec<_> = rows.iter().map(|&(table, key)| (table, key, &b"value"[..])).collect();
    first_piece_of(group, &rows)
}

fn first_piece_of(group: u32, rows: &[PictureRow<'_>]) -> Frame {
    let mut piece = Piece::default();
    piece.put(table::APPLIED, &applied::key(group), &stands(group, 70).encode());
    rows.iter().for_each(|(table, key, value)| piece.put(*table, key, value));
    Frame::Piece(Bytes::from(piece.finish()))
}

fn frames(in_shard_2: &[(u8, &[u8])]) -> Vec<Frame> {
    let source = Source {
        version: "0.1.0".to_owned(),
        cluster_name: "prod".to_owned(),
        cluster: "7".to_owned(),
        node: 1,
        shards: 2,
        level: 1,
        taken_at: "2026-01-02T03:04:05Z".to_owned(),
        held_ms: 1,
    };
    let head = |group| Frame::Group(GroupHead { group, index: 70 });
    let mut second = Piece::default();
    second.put(table::HISTORY, &[0, 7, 1], b"events");
    let second = Frame::Piece(Bytes::from(second.finish()));
    vec![
        Frame::Source(source),
        head(0),
        first_piece(0, &[(table::NAMESPACE, b"default")]),
        head(1),
        first_piece(1, &[(table::EXECUTION, &[0, 7, 1])]),
        second,
        head(2),
        first_piece(2, in_shard_2),
        Frame::End,
    ]
}

struct World {
    folder: TempDir,
}

impl World {
    fn new(frames: &[Frame]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let sent: Vec<u8> = frames.iter().flat_map(|frame| frame.encode().to_vec()).collect();
        save(&folder.path().join("backup"), &sent[..]).expect("it is kept");
        Self { folder }
    }

    fn backup(&self) -> PathBuf {
        self.folder.path().join("backup")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn refused(&self) -> String {
        let refused = restore(&self.backup(), &self.data(), RESTORING).expect_err("it is refused");
        assert!(!self.data().exists(), "{refused}");
        refused.to_string()
    }

    fn edit(&self, group: u32, edit: impl FnOnce(&mut Vec<u8>)) {
        let path = manifest::file(&self.backup(), group);
        let mut bytes = fs::read(&path).expect("it is there");
        edit(&mut bytes);
        fs::write(&path, bytes).expect("it is written");
    }
}

#[test]
fn a_whole_backup_becomes_the_data_of_a_new_node() {
    let world = World::new(&frames(&[(table::EXECUTION, &[0x20, 0, 1])]));
    restore(&world.backup(), &world.data(), RESTORING).expect("it is whole");
    let identity = fs::read_to_string(world.data().join("weft.toml")).expect("it is a data directory");
    for line in ["node = 3", "shards = 2", "cluster = \"00000000-0000-0000-0000-000000000008\"", "state = \"fjall\""] {
        assert!(identity.contains(line), "{line}: {identity}");
    }
    let tables: Vec<Table> = table::TABLES.iter().map(|&(id, name)| Table { id, name }).collect();
    let store = state::open(Backend::Fjall, &world.data().join("state"), &tables, CACHE_BYTES).expect("it opens");
    for (table, key, value) in [
        (table::NAMESPACE, &b"default"[..], &b"value"[..]),
        (table::EXECUTION, &[0, 7, 1], b"value"),
        (table::HISTORY, &[0, 7, 1], b"events"),
        (table::EXECUTION, &[0x20, 0, 1], b"value"),
    ] {
        assert_eq!(store.get(table, key).expect("it reads").as_deref(), Some(value), "{table} {key:?}");
    }
    for group in 0..3 {
        let row = store.get(table::APPLIED, &applied::key(group)).expect("it reads").expect("it stands somewhere");
        let row = AppliedRow::decode(&row).expect("it decodes");
        let mark = restored_mark(70, NodeId(3)).expect("an entry").to_vec();
        assert_eq!(row, AppliedRow { mark: mark.clone(), ..stands(group, 70) });
        let note = store.get(table::PICTURE, &picture::note_key(group)).expect("it reads").expect("it is noted");
        assert_eq!(Note::decode(&note), Ok(Note::Installed { mark }));
    }
}

/// The metadata of a cluster at this level, whose manifest says of none.
fn at_level(level: Level) -> World {
    let mut frames = frames(&[]);
    let (node, of_level) = (member::key(member::Key::Node(1)), member::key(member::Key::Level));
    let value = member::encode_level(level);
    frames[2] = first_piece_of(0, &[(table::MEMBER, &node, b"who"), (table::MEMBER, &of_level, &value)]);
    World::new(&frames)
}

#[test]
fn the_level_of_the_rows_is_kept_and_who_the_nodes_were_is_not() {
    let world = at_level(Level::WRITTEN_DOWN);
    restore(&world.backup(), &world.data(), RESTORING).expect("this build knows the level");
    let identity = fs::read_to_string(world.data().join("weft.toml")).expect("it is a data directory");
    assert!(identity.contains("format = 2\n"), "builds that do not know the level are refused: {identity}");
    let tables: Vec<Table> = table::TABLES.iter().map(|&(id, name)| Table { id, name }).collect();
    let store = state::open(Backend::Fjall, &world.data().join("state"), &tables, CACHE_BYTES).expect("it opens");
    let get = |key| store.get(table::MEMBER, &member::key(key)).expect("it reads");
    assert_eq!(get(member::Key::Level), Some(member::encode_level(Level::WRITTEN_DOWN).into()));
    assert_eq!(get(member::Key::Node(1)), None);
}

#[test]
fn rows_of_a_level_that_this_build_does_not_know_make_nothing() {
    let refused = at_level(Supported::HERE.newest.next()).refused();
    assert!(refused.contains("use the newer version that made it"), "{refused}");
}

#[test]
fn what_is_damaged_or_missing_makes_nothing() {
    let world = World::new(&frames(&[]));
    world.edit(1, |bytes| bytes[60] ^= 1);
    assert!(world.refused().contains("group-00001.weft is damaged: a piece does not have its checksum"));
    world.edit(1, |bytes| bytes[60] ^= 1);
    world.edit(1, |bytes| bytes.truncate(bytes.len() - 1));
    assert!(world.refused().contains("bytes, and the manifest says"), "{}", world.refused());
    fs::remove_file(manifest::file(&world.backup(), 1)).expect("it was there");
    assert!(world.refused().contains("group-00001.weft is missing from the backup"));
    fs::remove_file(world.backup().join("backup.json")).expect("it was there");
    assert!(world.refused().contains("there is no backup.json in it, so it was never finished"));
    fs::write(world.backup().join("weft.toml"), "").expect("it is written");
    assert!(world.refused().contains("`wfctl restore` puts it in place"));
}

#[test]
fn the_file_of_another_backup_is_found_out() {
    let (one, other) = (World::new(&frames(&[])), World::new(&frames(&[(table::EXECUTION, &[0x20, 0, 1])])));
    fs::copy(manifest::file(&other.backup(), 2), manifest::file(&one.backup(), 2)).expect("it is copied");
    assert!(one.refused().contains("group-00002.weft is damaged"));
    // As long as the one it replaces, and with good checksums: the manifest knows it all the same.
    let same_size = World::new(&frames(&[(table::EXECUTION, &[0x20, 0, 2])]));
    fs::copy(manifest::file(&same_size.backup(), 2), manifest::file(&other.backup(), 2)).expect("it is copied");
    assert!(other.refused().contains("it is not the file that the manifest speaks of"), "{}", other.refused());
}

#[test]
fn rows_that_are_not_the_groups_are_refused() {
    for (table, key) in [(table::EXECUTION, &[0, 7, 1][..]), (table::NAMESPACE, b"default"), (table::PICTURE, b"x")] {
        let refused = World::new(&frames(&[(table, key)])).refused();
        assert!(refused.contains("does not belong to group 2"), "{refused}");
    }
}

#[test]
fn nothing_is_written_over() {
    let world = World::new(&frames(&[]));
    fs::create_dir(world.data()).expect("it is made");
    fs::write(world.data().join("mine"), "").expect("it is written");
    let refused = restore(&world.backup(), &world.data(), RESTORING).expect_err("it is somebody's");
    assert!(refused.to_string().contains("it holds \"mine\""), "{refused}");
    assert!(!world.data().join("state").exists());
}
