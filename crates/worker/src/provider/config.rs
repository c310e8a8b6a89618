//! Which provider has which role, as a file says it.
//!
//! ```toml
//! [roles]
//! patch = "coder"
//! plan = "model"
//!
//! [providers.coder]
//! kind = "command"
//! words = ["some-agent", "--print", "{prompt}"]
//! pass = ["SOME_AGENT_KEY"]
//!
//! [providers.model]
//! kind = "llm"
//! dialect = "anthropic"
//! address = "https://api.anthropic.com"
//! model = "some-model"
//! key = { variable = "ANTHROPIC_API_KEY" }
//!
//! [builtin]
//! time_seconds = 900
//! candidates = 600
//! ```
//!
//! Secrets stand in the environment or in files, never here. Commands cannot read those files.

use std::{
    collections::BTreeMap,
    fs,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::Deserialize;

use super::{
    Error, Provider, Providers, Role,
    builtin::{Builtin, repair::Limits},
    command::Command,
    llm::{self, Dialect, Key},
    record::Price,
};

/// Always there, whatever the file says.
const BUILTIN: &str = "builtin";
/// The workflow gives up a step after an hour, and what is under way when the time is over is finished first: five minutes
/// at most.
const SEARCH_SECONDS: RangeInclusive<u64> = 1..=3300;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    roles: BTreeMap<Role, String>,
    providers: BTreeMap<String, Kind>,
    builtin: Search,
}

/// How long the builtin provider searches for a repair.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Search {
    /// All of it: what is under way is finished, and the tree is as it was.
    time_seconds: u64,
    /// Edits that are tried at most.
    candidates: u32,
}

impl Default for Search {
    fn default() -> Self {
        let Limits { time, candidates, .. } = Limits::default();
        Self { time_seconds: time.as_secs(), candidates }
    }
}

impl Search {
    fn limits(&self) -> Result<Limits, Error> {
        let Self { time_seconds, candidates } = *self;
        if !SEARCH_SECONDS.contains(&time_seconds) {
            let (least, most) = (SEARCH_SECONDS.start(), SEARCH_SECONDS.end());
            return Err(Error::Refused(format!(
                "[{BUILTIN}]: time_seconds = {time_seconds} is no time to search for: give {least} to {most} seconds; a step \
                 is given up after an hour"
            )));
        }
        if candidates == 0 {
            return Err(Error::Refused(format!(
                "[{BUILTIN}]: candidates = 0 tries nothing: give at least 1, or another provider the role of patching"
            )));
        }
        Ok(Limits { time: Duration::from_secs(time_seconds), candidates, ..Limits::default() })
    }
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Kind {
    Command {
        words: Vec<String>,
        #[serde(default = "half_an_hour")]
        time_seconds: u64,
        /// Variables of the worker's environment that it sees.
        #[serde(default)]
        pass: Vec<String>,
    },
    Llm(Model),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    dialect: Dialect,
    address: String,
    model: String,
    key: Secret,
    #[serde(default = "eight_thousand")]
    output_tokens: u64,
    #[serde(default = "forty")]
    turns: u32,
    #[serde(default = "five_minutes")]
    time_seconds: u64,
    /// Without one its tokens are counted and not its money.
    #[serde(default)]
    price: Price,
}

/// Where a secret stands.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Secret {
    Variable(String),
    File(PathBuf),
}

const fn half_an_hour() -> u64 {
    1800
}

const fn five_minutes() -> u64 {
    300
}

const fn eight_thousand() -> u64 {
    8000
}

const fn forty() -> u32 {
    40
}

/// What the text of such a file says; `variable` looks into the environment.
///
/// # Errors
/// What is wrong with it, and what would be right.
pub fn parse(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Providers, Error> {
    let file: File = toml::from_str(text).map_err(|error| Error::Refused(error.to_string()))?;
    let limits = file.builtin.limits()?;
    let mut providers = Providers { otherwise: Arc::new(Builtin { limits }), ..Providers::default() };
    let mut built: BTreeMap<String, Arc<dyn Provider>> = BTreeMap::new();
    for (name, kind) in file.providers {
        if name == BUILTIN {
            return Err(Error::Refused(format!("{BUILTIN} is there already: give the provider another name")));
        }
        if let Some(path) = key_file(&kind) {
            providers = providers.key_file(path);
        }
        let (provider, keys) = build(&name, kind, &variable)?;
        providers = keys.into_iter().fold(providers, Providers::secret);
        built.insert(name, provider);
    }
    for (role, name) in file.roles {
        match built.get(&name) {
            Some(provider) => providers = providers.with(role, Arc::clone(provider)),
            None if name == BUILTIN => {}
            None => {
                return Err(Error::Refused(format!(
                    "{role:?} is given to {name}, which is no provider: add [providers.{name}]"
                )));
            }
        }
    }
    Ok(providers)
}

fn key_file(kind: &Kind) -> Option<&Path> {
    match kind {
        Kind::Llm(Model { key: Secret::File(path), .. }) => Some(path),
        Kind::Llm(Model { key: Secret::Variable(_), .. }) | Kind::Command { .. } => None,
    }
}

/// A provider, and the keys that it knows.
type Built = (Arc<dyn Provider>, Vec<Key>);

fn build(name: &str, kind: Kind, variable: &impl Fn(&str) -> Option<String>) -> Result<Built, Error> {
    let missing = |variable: &str| Error::Refused(format!("{name}: {variable} is not in the environment: set it"));
    match kind {
        Kind::Command { words, time_seconds, pass } => {
            if words.is_empty() {
                return Err(Error::Refused(format!("{name}: words is empty: name the command")));
            }
            let passed =
                pass.into_iter().map(|it| Ok((it.clone(), Key::new(variable(&it).ok_or_else(|| missing(&it))?))));
            let environment = passed.collect::<Result<BTreeMap<_, _>, Error>>()?;
            let keys = environment.values().cloned().collect();
            let (name, time) = (name.to_owned(), Duration::from_secs(time_seconds));
            Ok((Arc::new(Command { name, words, time, environment }), keys))
        }
        Kind::Llm(model) => {
            let key = match model.key {
                Secret::Variable(it) => variable(&it).ok_or_else(|| missing(&it))?,
                Secret::File(path) => fs::read_to_string(&path)
                    .map_err(|error| Error::Refused(format!("{name}: the key {}: {error}", path.display())))?,
            };
            let config = llm::Config {
                name: name.to_owned(),
                dialect: model.dialect,
                address: model.address,
                model: model.model,
                output_tokens: model.output_tokens,
                turns: model.turns,
                attempts: 4,
                wait: Duration::from_secs(2),
                time: Duration::from_secs(model.time_seconds),
                price: model.price,
            };
            if !model.price.is_right() {
                let said =
                    "price is no price: give dollars for a million tokens, such as { input = 3.0, output = 15.0 }";
                return Err(Error::Refused(format!("{name}: {said}")));
            }
            let key = Key::new(key.trim());
            Ok((llm::provider(config, key.clone())?, vec![key]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &str = r#"
        [roles]
        patch = "coder"
        plan = "model"
        design = "builtin"

        [providers.coder]
        kind = "command"
        words = ["agent", "{prompt}"]
        pass = ["AGENT_KEY"]

        [providers.model]
        kind = "llm"
        dialect = "open_ai"
        address = "http://127.0.0.1:1"
        model = "m"
        key = { variable = "AGENT_KEY" }
    "#;

    fn secret(name: &str) -> Option<String> {
        (name == "AGENT_KEY").then(|| "hush".to_owned())
    }

    #[test]
    fn each_role_has_the_provider_that_is_named_and_the_rest_the_builtin_one() {
        let providers = parse(BOTH, secret).expect("it is right");
        let names = [Role::Design, Role::Plan, Role::Patch, Role::Diagnose, Role::Review];
        let names = names.map(|role| providers.of(role).name().to_owned());
        assert_eq!(names, ["builtin", "model", "coder", "builtin", "builtin"]);
        assert_eq!(parse("", secret).expect("nothing is right too").of(Role::Patch).name(), "builtin");
    }

    #[test]
    fn what_is_wrong_is_said_with_what_would_be_right() {
        let check = |text: &str, wanted: &str| {
            let error = parse(text, |_| None).err().expect("it is wrong").to_string();
            assert!(error.contains(wanted), "{error}");
        };
        check(BOTH, "coder: AGENT_KEY is not in the environment: set it");
        check("roles.patch = \"x\"", "Patch is given to x, which is no provider: add [providers.x]");
        check("roles.sing = \"x\"", "unknown variant `sing`");
        check("providers.x = { kind = \"command\", words = [] }", "x: words is empty");
        check("providers.x = { kind = \"magic\" }", "unknown variant `magic`");
        check(&format!("{BOTH}\noutput_token = 9"), "unknown field `output_token`");
        check("builtin.time_second = 9", "unknown field `time_second`, expected `time_seconds` or `candidates`");
        for seconds in ["0", "3301", "9223372036854775807"] {
            check(
                &format!("builtin.time_seconds = {seconds}"),
                &format!("[builtin]: time_seconds = {seconds} is no time"),
            );
        }
        check("builtin.time_seconds = 0", "give 1 to 3300 seconds");
        check("builtin.candidates = 0", "[builtin]: candidates = 0 tries nothing: give at least 1");
        for right in ["time_seconds = 1", "time_seconds = 3300", "candidates = 1"] {
            parse(&format!("builtin.{right}"), |_| None).expect("it is right");
        }
        let price = |price: &str| {
            format!(
                "[providers.x]\nkind = \"llm\"\ndialect = \"anthropic\"\naddress = \"http://127.0.0.1:1\"\nmodel = \"m\"\n\
                 key = {{ file = \"/dev/null\" }}\nprice = {{ {price} }}"
            )
        };
        check(&price("input = -1.0, output = 2.0"), "x: price is no price: give dollars for a million tokens");
        check(&price("input = 1.0"), "missing field `output`");
        check("providers.builtin = { kind = \"command\", words = [\"x\"] }", "give the provider another name");
    }
}
