//! `wfctl cluster backup` of a server that runs, and `wfctl cluster restore`.

use std::{fs, path::Path};

use weft_server::node::Place;

use crate::world::{World, run, wfctl};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_node_of_its_own_is_backed_up_while_it_serves_and_restored() {
    let folder = tempfile::tempdir().unwrap();
    let (backup, data) = (folder.path().join("monday"), folder.path().join("data"));
    let world = World::start();
    world.run(&["workflow", "start", "Order", "-t", "orders", "-w", "before"]).ok();
    let said = world.run(&["cluster", "backup", text(&backup), "--output", "json"]).json();
    assert_eq!((said["backup"]["groups"].as_u64(), said["backup"]["node"].as_u64()), (Some(3), Some(1)));
    world.run(&["workflow", "start", "Order", "-t", "orders", "-w", "after"]).ok();
    let again = world.run(&["cluster", "backup", text(&backup)]);
    assert!(again.error(1).contains("is not empty: name a directory that is empty or does not exist"), "{again:?}");
    drop(world);

    let ran = run(&mut wfctl(&["cluster", "restore", text(&backup), text(&data), "--node", "2"]));
    let start = format!("weft-server --data-dir {} --node 2", data.display());
    assert!(ran.ok().contains("restored 3 groups (") && ran.ok().contains(&start), "{ran:?}");
    let ran = run(&mut wfctl(&["cluster", "restore", text(&backup), text(&data)]));
    assert!(ran.error(1).contains("is a data directory already"), "{ran:?}");

    let other = folder.path().join("other");
    run(&mut wfctl(&["cluster", "restore", text(&backup), text(&other)])).ok();
    let world = World::at(Place::Directory(other));
    assert!(world.run(&["workflow", "describe", "before"]).ok().contains("before"));
    assert!(world.run(&["workflow", "list"]).ok().contains("before"));
    let after = world.run(&["workflow", "describe", "after"]);
    assert!(after.error(1).contains("after"), "it came after the backup: {after:?}");
}

#[test]
fn mistakes_with_backups_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let (empty, new) = (folder.path().join("empty"), folder.path().join("new"));
    fs::create_dir(&empty).unwrap();
    // A port that is given to nobody who asks for any.
    let ran = run(&mut wfctl(&["cluster", "backup", text(&new), "--operations", "127.0.0.1:1"]));
    assert!(ran.error(3).contains("no operations port answers at"), "{ran:?}");
    assert!(!new.exists());
    let ran = run(&mut wfctl(&["cluster", "restore", text(&empty), text(&new)]));
    assert!(ran.error(1).contains("there is no backup.json in it"), "{ran:?}");
    fs::write(empty.join("backup.json"), "{}").unwrap();
    let ran = run(&mut wfctl(&["restore", text(&empty), text(&new)]));
    assert!(ran.error(1).contains("`wfctl cluster restore`"), "{ran:?}");
    let ran = run(&mut wfctl(&["cluster", "restore", text(&empty), text(&new), "--node", "0"]));
    ran.error(2);
    assert!(!new.exists());
}
