//! Which variables of the worker a command sees, and where credentials usually lie.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Tools are found and speak by these. None of them is a place for secrets; proxies are not among them because their
/// addresses may hold passwords.
const PASSED: [&str; 16] = [
    "PATH",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TERM",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOROOT",
    "JAVA_HOME",
    "VIRTUAL_ENV",
    "PYENV_ROOT",
    "NVM_DIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NIX_SSL_CERT_FILE",
];

/// Below the home of the worker's user.
const CREDENTIALS: [&str; 14] = [
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".kube",
    ".netrc",
    ".git-credentials",
    ".npmrc",
    ".pypirc",
    ".docker",
    ".config/gh",
    ".config/gcloud",
    ".cargo/credentials",
    ".cargo/credentials.toml",
];

/// Toolchains that live in a home folder, which a command does not have: they are named to it.
const HOMES: [(&str, &str); 2] = [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")];

pub(super) fn filtered(
    all: impl Iterator<Item = (OsString, OsString)>,
    also: &[String],
    temporary: &Path,
) -> BTreeMap<String, String> {
    // A value that is not UTF-8 cannot be handed on, and none of these should have one.
    let all: BTreeMap<String, String> =
        all.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect();
    let is_passed = |name: &str| PASSED.contains(&name) || name.starts_with("LC_") || also.iter().any(|n| n == name);
    let mut passed: BTreeMap<String, String> =
        all.iter().filter(|(name, _)| is_passed(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
    if let Some(home) = all.get("HOME") {
        for (name, folder) in HOMES {
            let folder = Path::new(home).join(folder);
            if folder.is_dir() {
                passed.entry(name.to_owned()).or_insert_with(|| folder.to_string_lossy().into_owned());
            }
        }
    }
    let temporary = temporary.to_string_lossy();
    for name in ["HOME", "TMPDIR", "TEMP", "TMP"] {
        passed.insert(name.to_owned(), temporary.clone().into_owned());
    }
    passed.insert("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned());
    passed
}

pub(super) fn credentials() -> Vec<PathBuf> {
    let Some(home) = std::env::var_os("HOME").map(PathBuf::from) else { return Vec::new() };
    CREDENTIALS.iter().map(|name| home.join(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered_names(variables: &[(&str, &str)], also: &[&str]) -> Vec<String> {
        let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let also: Vec<String> = also.iter().map(|name| (*name).to_owned()).collect();
        let filtered = filtered(variables, &also, Path::new("/tmp/t"));
        filtered.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn only_what_is_on_the_list_goes_through() {
        let own = ["GIT_TERMINAL_PROMPT=0", "HOME=/tmp/t", "LC_ALL=C", "PATH=/bin", "TEMP=/tmp/t", "TMP=/tmp/t"];
        let expected: Vec<String> =
            own.iter().copied().chain(["TMPDIR=/tmp/t", "WANTED=1"]).map(str::to_owned).collect();
        let variables = [
            ("PATH", "/bin"),
            ("LC_ALL", "C"),
            ("GITHUB_TOKEN", "secret"),
            ("HTTPS_PROXY", "http://user:secret@proxy"),
            ("HOME", "/nowhere"),
            ("WANTED", "1"),
        ];
        assert_eq!(filtered_names(&variables, &["WANTED"]), expected);
    }
}
