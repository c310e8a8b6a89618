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

/// What is found of TLS, in words.
fn tls(explicit: &Explicit, variables: &[(&'static str, &'static str)]) -> String {
    match resolve(explicit, &named(variables)) {
        Ok(found) => found.options.tls.map_or("none".to_owned(), |tls| format!("{tls:?}")),
        Err(error) => error.to_string(),
    }
}

#[test]
fn tls_is_made_where_anybody_asks_for_it_and_can_be_switched_off() {
    let is = |variables: &[(&'static str, &'static str)], on: bool| {
        let found = tls(&nothing_said(), variables);
        assert_eq!(found.starts_with("Tls"), on, "{variables:?}: {found}");
    };
    is(&[], false);
    is(&[("TEMPORAL_PROFILE", "cloud")], true);
    is(&[("TEMPORAL_PROFILE", "mtls")], true);
    is(&[("TEMPORAL_TLS", "true")], true);
    is(&[("TEMPORAL_TLS_SERVER_NAME", "x")], true);
    is(&[("WEFT_ADDRESS", "https://x:1")], true);
    is(&[("WEFT_ADDRESS", "http://x:1")], false);
    is(&[("TEMPORAL_PROFILE", "cloud"), ("TEMPORAL_TLS", "false")], false);
    is(&[("TEMPORAL_PROFILE", "open")], false);
    let off = Explicit { tls: TlsSettings { disabled: Some(true), ..TlsSettings::default() }, ..nothing_said() };
    assert_eq!(tls(&off, &[("TEMPORAL_TLS", "true")]), "none");
}

#[test]
fn settings_of_tls_go_over_each_other_one_by_one() {
    let said = TlsSettings { server_ca_cert_data: Some("PEM".to_owned()), ..TlsSettings::default() };
    let found = tls(
        &Explicit { tls: said, ..nothing_said() },
        &[
            ("TEMPORAL_PROFILE", "mtls"),
            ("TEMPORAL_TLS_SERVER_CA_CERT_PATH", "ca.pem"),
            ("TEMPORAL_TLS_CLIENT_CERT_PATH", "c.pem"),
            ("TEMPORAL_TLS_CLIENT_KEY_DATA", "secret"),
            ("TEMPORAL_TLS_DISABLE_HOST_VERIFICATION", "1"),
        ],
    );
    let expected = "Tls { server_ca: Some(given as 3 bytes), \
                    client: Some(ClientCertificate { certificate: c.pem, key: given as 6 bytes }), \
                    server_name: Some(\"x\"), disable_host_verification: true }";
    assert_eq!(found, expected);
}

#[test]
fn settings_of_tls_that_contradict_each_other_are_refused() {
    let refused =
        |variables: &[(&'static str, &'static str)], why: &str| check(&nothing_said(), &named(variables), why);
    refused(&[("TEMPORAL_TLS", "maybe")], "neither true nor false");
    refused(&[("WEFT_ADDRESS", "https://x:1"), ("TEMPORAL_TLS", "false")], "begins with https://, but TLS is off");
    refused(&[("WEFT_ADDRESS", "http://x:1"), ("TEMPORAL_API_KEY", "k")], "begins with http://, but TLS is on");
    refused(&[("TEMPORAL_TLS_CLIENT_CERT_PATH", "c.pem")], "the client's certificate is given, but not its key");
    let twice = [("TEMPORAL_TLS_SERVER_CA_CERT_PATH", "a"), ("TEMPORAL_TLS_SERVER_CA_CERT_DATA", "b")];
    refused(&twice, "the server's CA certificate is given twice");
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
