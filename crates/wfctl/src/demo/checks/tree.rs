//! Checks that git itself answers: what is committed, whatever language it is in.

use super::{super::command::CouldNotRun, Finding, Repo, count};

const LARGE_BYTES: u64 = 1 << 20;
/// So many notes are fine in a small repository; a large one may have one in a thousand lines.
const TODOS_FINE: usize = 5;
const LINES_PER_TODO: usize = 1000;
/// Files that hold a secret by their name.
const SECRET_NAMES: [&str; 9] = [
    ":(icase,glob)**/.env",
    ":(icase,glob)**/.netrc",
    ":(icase,glob)**/.pgpass",
    ":(icase,glob)**/id_rsa",
    ":(icase,glob)**/id_ed25519",
    ":(icase,glob)**/*.p12",
    ":(icase,glob)**/*.pfx",
    ":(icase,glob)**/*.jks",
    ":(icase,glob)**/*.kdbx",
];
/// Texts that are a secret: private keys, and the tokens of two large services.
const SECRET_TEXTS: &str = "-----BEGIN ([A-Z]+ )*PRIVATE KEY-----|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}";

const NOTHING: &str = "nothing is committed";

pub(super) async fn objects(repo: &Repo) -> Result<Finding, CouldNotRun> {
    let ran = repo.git(&["fsck", "--no-dangling", "--no-progress"]).await?;
    match ran.code {
        0 => Ok(Finding::passed(&ran, "the object store is sound")),
        // Git could not read the repository at all: not a statement about its objects.
        128.. => Err(ran.trouble()),
        _ => Ok(Finding::failed(&ran, "the object store is damaged", ran.complaints())),
    }
}

pub(super) async fn conflicts(repo: &Repo) -> Result<Finding, CouldNotRun> {
    if !repo.has_commit().await? {
        return Ok(Finding::not_applicable(NOTHING));
    }
    let ran = repo.git(&["grep", "-InE", "-e", "^(<{7}|>{7})( |$)", "HEAD"]).await?;
    match ran.code {
        1 => Ok(Finding::passed(&ran, "no conflict markers")),
        0 => Ok(Finding::failed(&ran, count(ran.lines().len(), "conflict marker"), ran.lines())),
        _ => Err(ran.trouble()),
    }
}

pub(super) async fn whitespace(repo: &Repo) -> Result<Finding, CouldNotRun> {
    if !repo.has_commit().await? {
        return Ok(Finding::not_applicable(NOTHING));
    }
    // Against the empty tree, so that every committed line counts as new.
    let empty = repo.git(&["hash-object", "-t", "tree", "/dev/null"]).await?;
    let tree = empty.text();
    let ran = repo.git(&["diff", "--check", "--no-ext-diff", "--no-textconv", tree.trim(), "HEAD"]).await?;
    // After each place stands the line itself, with a plus.
    let places: Vec<_> = ran.lines().into_iter().filter(|line| !line.starts_with('+')).collect();
    match ran.code {
        0 => Ok(Finding::passed(&ran, "clean")),
        1..128 => Ok(Finding::failed(&ran, count(places.len(), "whitespace error"), places)),
        _ => Err(ran.trouble()),
    }
}

pub(super) async fn secrets(repo: &Repo) -> Result<Finding, CouldNotRun> {
    let mut found = repo.files(&SECRET_NAMES).await?;
    let ran = repo.git(&["grep", "-IlE", "-e", SECRET_TEXTS]).await?;
    if ran.code > 1 {
        return Err(ran.trouble());
    }
    found.extend(ran.lines());
    found.sort();
    found.dedup();
    if found.is_empty() {
        return Ok(Finding::passed(&ran, "no keys, tokens or files with such names"));
    }
    Ok(Finding::failed(&ran, format!("{} may hold a secret", count(found.len(), "tracked file")), found))
}

pub(super) async fn large_files(repo: &Repo) -> Result<Finding, CouldNotRun> {
    if !repo.has_commit().await? {
        return Ok(Finding::not_applicable(NOTHING));
    }
    let ran = repo.git(&["ls-tree", "-r", "-l", "-z", "HEAD"]).await?;
    if ran.code != 0 {
        return Err(ran.trouble());
    }
    let text = ran.text();
    let all: Vec<_> = text.split('\0').filter_map(sized).collect();
    let large: Vec<_> = all.iter().filter(|(bytes, _)| *bytes > LARGE_BYTES).collect();
    if large.is_empty() {
        return Ok(Finding::passed(&ran, format!("none of {} is over 1 MiB", count(all.len(), "file"))));
    }
    let listed = large.iter().map(|(bytes, name)| format!("{name}: {} KiB", bytes / 1024)).collect();
    Ok(Finding::failed(&ran, format!("{} over 1 MiB", count(large.len(), "file")), listed))
}

/// `100644 blob HASH SIZE<tab>NAME`; submodules have no size.
fn sized(entry: &str) -> Option<(u64, &str)> {
    let (about, name) = entry.split_once('\t')?;
    Some((about.split_whitespace().nth(3)?.parse().ok()?, name))
}

pub(super) async fn todos(repo: &Repo) -> Result<Finding, CouldNotRun> {
    if !repo.has_commit().await? {
        return Ok(Finding::not_applicable(NOTHING));
    }
    let lines = repo.git(&["grep", "-Ic", "-e", "", "HEAD"]).await?;
    let number = |line: &str| line.rsplit_once(':').and_then(|(_, number)| number.parse::<usize>().ok());
    let lines: usize = lines.text().lines().filter_map(number).sum();
    let ran = repo.git(&["grep", "-IwnE", "-e", "TODO|FIXME", "HEAD"]).await?;
    if ran.code > 1 {
        return Err(ran.trouble());
    }
    let found = ran.lines();
    let summary = format!("{} in {}", count(found.len(), "TODO"), count(lines, "line"));
    if found.len() <= TODOS_FINE.max(lines / LINES_PER_TODO) {
        return Ok(Finding::passed(&ran, summary));
    }
    Ok(Finding::failed(&ran, summary, found))
}
