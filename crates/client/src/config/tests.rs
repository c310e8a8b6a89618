//! Who wins over whom, and what is refused.

use std::io;

use super::*;

#[derive(Default)]
struct Around {
    variables: BTreeMap<&'static str, &'static str>,
    files: BTreeMap<&'static str, &'static str>,
}

impl Surroundings for Around {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty()).map(ToString::to_string)
    }

    fn variables(&self, prefix: &str) -> Vec<(String, String)> {
        let with_prefix =
            |(name, value): (&&str, &&str)| Some((name.strip_prefix(prefix)?.to_owned(), (*value).to_owned()));
        self.variables.iter().filter_map(with_prefix).collect()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let file = self.files.get(path.to_str().unwrap_or_default());
        file.map(ToString::to_string).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

const USUAL: &str = "/home/ada/.config/temporalio/temporal.toml";

const TWO_PROFILES: &str = r#"
[profile.default]
address = "file:1"
namespace = "file"
[profile.prod]
address = "prod:1"
grpc_meta = { "Some_Header" = "a", other = "b" }
[profile.prod.codec]
endpoint = "somewhere"
[profile.cloud]
address = "cloud:1"
api_key = "k"
[profile.mtls]
address = "mtls:1"
tls = { server_name = "x" }
[profile.open]
address = "open:1"
api_key = "k"
tls = { disabled = true }
"#;

fn around(variables: &[(&'static str, &'static str)]) -> Around {
    let mut around = Around { variables: variables.iter().copied().collect(), ..Around::default() };
    if cfg!(all(unix, not(target_os = "macos"))) {
        around.variables.insert("HOME", "/home/ada");
        around.files.insert(USUAL, TWO_PROFILES);
    }
    around
}

fn named(variables: &[(&'static str, &'static str)]) -> Around {
    let mut around = Around { variables: variables.iter().copied().collect(), ..Around::default() };
    around.variables.insert("TEMPORAL_CONFIG_FILE", "f.toml");
    around.files.insert("f.toml", TWO_PROFILES);
    around
}

fn check(explicit: &Explicit, around: &Around, expected: &str) {
    let found = match resolve(explicit, around) {
        Ok(Resolved { options, address_from, namespace_from }) => {
            format!("{} {address_from}; {} {namespace_from}", options.address, options.namespace)
        }
        Err(error) => error.to_string(),
    };
    assert!(found.contains(expected), "found {found:?}, expected {expected:?}");
}

fn nothing_said() -> Explicit {
    Explicit::default()
}

#[test]
fn without_any_setting_the_defaults_hold() {
    check(&nothing_said(), &Around::default(), "127.0.0.1:7233 the default; default the default");
}

#[test]
fn each_source_goes_over_the_next() {
    let file = named(&[]);
    check(&nothing_said(), &file, "file:1 from profile default of f.toml; file from profile default of f.toml");
    let temporal = named(&[("TEMPORAL_ADDRESS", "temporal:1")]);
    check(&nothing_said(), &temporal, "temporal:1 from TEMPORAL_ADDRESS; file from profile");
    let weft = named(&[("TEMPORAL_ADDRESS", "temporal:1"), ("WEFT_ADDRESS", "weft:1"), ("WEFT_NAMESPACE", "w")]);
    check(&nothing_said(), &weft, "weft:1 from WEFT_ADDRESS; w from WEFT_NAMESPACE");
    let said = Explicit { address: Some("said:1".to_owned()), namespace: Some("s".to_owned()), ..nothing_said() };
    check(&said, &weft, "said:1 given; s given");
}

#[test]
fn an_empty_variable_is_no_setting() {
    check(&nothing_said(), &named(&[("WEFT_ADDRESS", "")]), "file:1");
}

#[test]
#[cfg(all(unix, not(target_os = "macos")))]
fn the_usual_file_is_read_where_it_exists() {
    check(&nothing_said(), &around(&[]), "file:1 from profile default of /home/ada/.config/temporalio/temporal.toml");
    check(&nothing_said(), &around(&[("XDG_CONFIG_HOME", "/elsewhere")]), "127.0.0.1:7233 the default");
    check(&nothing_said(), &around(&[("TEMPORAL_PROFILE", "prod")]), "prod:1 from profile prod of");
}

#[test]
fn what_was_named_and_is_not_there_is_an_error() {
    let gone = Around { variables: [("TEMPORAL_CONFIG_FILE", "gone.toml")].into(), ..Around::default() };
    check(&nothing_said(), &gone, "cannot read the configuration file gone.toml");
    let profile = Explicit { profile: Some("prdo".to_owned()), ..nothing_said() };
    check(&profile, &named(&[]), "no profile \"prdo\" in f.toml; it has: cloud, default, mtls, open, prod");
    check(&profile, &Around::default(), "no profile \"prdo\" in temporal.toml; it has: none");
    let mut broken = named(&[]);
    broken.files.insert("f.toml", "[profile.default]\naddress = 7");
    check(&nothing_said(), &broken, "the configuration file f.toml is wrong");
}

#[test]
fn tls_that_was_asked_for_is_refused_and_can_be_switched_off() {
    let refused =
        |variables: &[(&'static str, &'static str)], why: &str| check(&nothing_said(), &named(variables), why);
    refused(&[("TEMPORAL_PROFILE", "cloud")], "an API key is set");
    refused(&[("TEMPORAL_PROFILE", "mtls")], "TLS settings for this profile");
    refused(&[("TEMPORAL_TLS", "true")], "TEMPORAL_TLS says so");
    refused(&[("TEMPORAL_TLS_SERVER_NAME", "x")], "TEMPORAL_TLS_SERVER_NAME is set");
    refused(&[("TEMPORAL_TLS", "maybe")], "neither true nor false");
    refused(&[("WEFT_ADDRESS", "https://x:1")], "its scheme is https");
    check(&nothing_said(), &named(&[("TEMPORAL_PROFILE", "cloud"), ("TEMPORAL_TLS", "false")]), "cloud:1");
    check(&nothing_said(), &named(&[("TEMPORAL_PROFILE", "open")]), "open:1");
}

#[test]
fn a_key_is_taken_where_tls_is_switched_off() {
    let around = named(&[("TEMPORAL_PROFILE", "open"), ("TEMPORAL_API_KEY", "from the environment")]);
    let found = resolve(&nothing_said(), &around).unwrap();
    assert_eq!(found.options.api_key.as_deref(), Some("from the environment"));
}

#[test]
fn headers_of_the_file_are_joined_by_those_of_variables() {
    let around = named(&[
        ("TEMPORAL_PROFILE", "prod"),
        ("TEMPORAL_GRPC_META_SOME_HEADER", "c"),
        ("TEMPORAL_GRPC_META_OTHER", ""),
        ("TEMPORAL_GRPC_META_THIRD", "d"),
    ]);
    let headers = resolve(&nothing_said(), &around).unwrap().options.headers;
    let expected = [("some-header", "c"), ("third", "d")];
    assert_eq!(headers, expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
}
