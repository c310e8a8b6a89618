//! Which files more than one patch touches: known before anything is merged.

use std::collections::{BTreeMap, BTreeSet};

/// A file that more than one patch touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap<Id> {
    pub file: String,
    pub patches: BTreeSet<Id>,
}

/// All of them, in the order of their files. A file and a folder in its place overlap too.
pub fn overlaps<'a, Id: Ord + Clone>(
    patches: impl IntoIterator<Item = (Id, &'a BTreeSet<String>)>,
) -> Vec<Overlap<Id>> {
    let mut by_file: BTreeMap<&str, BTreeSet<Id>> = BTreeMap::new();
    for (id, files) in patches {
        for file in files {
            by_file.entry(file).or_default().insert(id.clone());
        }
    }
    let mut found = by_file.clone();
    for (file, patches) in &by_file {
        for (end, _) in file.match_indices('/') {
            if let Some(above) = found.get_mut(&file[..end]) {
                above.extend(patches.iter().cloned());
            }
        }
    }
    let shared = found.into_iter().filter(|(_, patches)| patches.len() > 1);
    shared.map(|(file, patches)| Overlap { file: file.to_owned(), patches }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(patches: &[&[&str]], expected: &[(&str, &[usize])]) {
        let sets: Vec<BTreeSet<String>> =
            patches.iter().map(|files| files.iter().map(|file| (*file).to_owned()).collect()).collect();
        let found = overlaps(sets.iter().enumerate());
        let found: Vec<(&str, Vec<usize>)> =
            found.iter().map(|overlap| (overlap.file.as_str(), overlap.patches.iter().copied().collect())).collect();
        let expected: Vec<(&str, Vec<usize>)> = expected.iter().map(|(file, ids)| (*file, ids.to_vec())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn files_of_several_patches_overlap() {
        check(&[&["a", "b"], &["c"]], &[]);
        check(&[&["a", "b"], &["b"], &["a", "b"]], &[("a", &[0, 2]), ("b", &[0, 1, 2])]);
    }

    #[test]
    fn a_file_overlaps_with_a_folder_in_its_place() {
        check(&[&["a"], &["a/b/c"], &["ab"]], &[("a", &[0, 1])]);
    }
}
