//! How file, variables and flags become a configuration, and what is refused.

use std::path::PathBuf;

use clap::Parser;

use super::*;
use crate::node::Place;

fn check(file: &str, flags: &[&str]) -> Result<Config, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weft.toml");
    std::fs::write(&path, file).unwrap();
    let path = path.to_str().unwrap().to_owned();
    let mut args = vec!["weft-server", "--config", &path];
    args.extend(flags);
    Config::load(&Flags::try_parse_from(args).unwrap()).map_err(|error| error.to_string().replace(&path, "FILE"))
}

#[test]
fn flags_go_over_the_file() {
    let config = check("[server]\nlisten = \"127.0.0.1:1\"\nin_memory = true", &["--data-dir", "d"]).unwrap();
    assert_eq!(config.listen.port(), 1);
    assert_eq!(config.node.place, Place::Directory(PathBuf::from("d")));
    let config = check("[server]\ndata_dir = \"e\"", &["--in-memory", "--listen", "127.0.0.1:2"]).unwrap();
    assert_eq!((config.listen.port(), config.node.place), (2, Place::Memory));
}

#[test]
fn an_unknown_key_is_refused_by_name() {
    let error = check("[server]\nin_memory = true\nlissten = \"x\"", &[]).unwrap_err();
    assert!(error.contains("unknown field `lissten`"), "{error}");
    assert!(error.contains("FILE"), "{error}");
}

#[test]
fn a_public_address_needs_the_word_insecure() {
    let error = check("", &["--in-memory", "--listen", "0.0.0.0:7233"]).unwrap_err();
    assert!(error.contains("--insecure-bind"), "{error}");
    assert!(error.contains("--tls-certificate"), "{error}");
    assert!(check("", &["--in-memory", "--listen", "0.0.0.0:7233", "--insecure-bind"]).is_ok());
    let tls = ["--in-memory", "--listen", "0.0.0.0:7233", "--tls-certificate", "c", "--tls-key", "k"];
    assert!(check("", &tls).unwrap().access.tls.is_some());
    let error = check("", &[&tls[..], &["--metrics-listen", "0.0.0.0:7280"]].concat()).unwrap_err();
    assert!(error.contains("server.metrics_listen") && error.contains("--insecure-bind"), "{error}");
    let operations =
        ["--metrics-listen", "0.0.0.0:7280", "--operations-tls-certificate", "c", "--operations-tls-key", "k"];
    let error = check("", &[&tls[..], &operations].concat()).unwrap_err();
    assert!(error.contains("--operations-api-keys"), "TLS alone asks nobody who he is: {error}");
    let keys = ["--operations-api-keys", "f"];
    let config = check("", &[&tls[..], &operations, &keys].concat()).unwrap();
    assert!(config.access.operations.tls.is_some() && config.access.operations.api_keys.is_some());
    assert!(check("", &[&tls[..], &operations, &["--operations-tls-client-ca", "a"]].concat()).is_ok());
}

#[test]
fn half_of_what_tls_needs_is_refused() {
    let error = |file: &str| check(&format!("server.in_memory = true\n[tls]\n{file}"), &[]).unwrap_err();
    assert!(error("certificate = \"c\"").starts_with("tls.certificate is given without tls.key"));
    assert!(error("key = \"k\"").starts_with("tls.key is given without tls.certificate"));
    assert!(error("client_ca = \"ca\"").starts_with("tls.client_ca is given without tls.certificate"));
    let error = check("server.in_memory = true\n[operations]\nkey = \"k\"", &[]).unwrap_err();
    assert!(error.starts_with("operations.key is given without operations.certificate"), "{error}");
    let nodes = |tls: &str| {
        let members = "[cluster.members]\n1 = \"a:1\"\n2 = \"b:1\"\n";
        let cluster = "[cluster]\nname = \"c\"\nlisten = \"0.0.0.0:1\"\n";
        check(&format!("server.in_memory = true\n{cluster}{members}[cluster.tls]\n{tls}"), &[])
    };
    assert!(nodes("").unwrap_err().contains("--cluster-tls-certificate"));
    let error = nodes("certificate = \"c\"\nkey = \"k\"").unwrap_err();
    assert!(error.starts_with("cluster.tls.certificate is given without cluster.tls.ca"), "{error}");
    assert!(nodes("certificate = \"c\"\nkey = \"k\"\nca = \"ca\"").unwrap().access.nodes.is_some());
    let error = check("server.reload_interval = \"0s\"", &["--in-memory"]).unwrap_err();
    assert!(error.contains("server.reload_interval"), "{error}");
}

#[test]
fn a_cluster_is_said_in_the_file_or_by_flags() {
    let file = "[cluster]\nname = \"c\"\nnode = 2\n[cluster.members]\n1 = \"a:7235\"\n2 = \"b:7235\"";
    let flags = ["--in-memory", "--cluster-name", "c", "--node", "2", "--member", "1=a:7235", "--member", "2=b:7235"];
    let (by_file, by_flags) = (check(file, &["--in-memory"]).unwrap(), check("", &flags).unwrap());
    assert_eq!(by_file.node.cluster.members.len(), 2);
    assert_eq!((by_file.node.node, by_file.node.cluster), (by_flags.node.node, by_flags.node.cluster));
    let error = check("[cluster.members]\na = \"a:7235\"", &["--in-memory"]).unwrap_err();
    assert!(error.contains("nodes are named by number"), "{error}");
    let error = check(file, &["--in-memory", "--node", "3"]).unwrap_err();
    assert!(error.contains("node 3 is not among the members [1, 2]"), "{error}");
    let error = check(file, &["--in-memory", "--cluster-listen", "0.0.0.0:7235"]).unwrap_err();
    assert!(error.contains("--insecure-bind"), "{error}");
}

#[test]
fn a_place_must_be_named() {
    assert!(check("", &[]).unwrap_err().contains("--data-dir DIR"));
}

#[test]
fn spans_are_read_and_refused_with_an_example() {
    let config = check("[workflow]\ntask_timeout = \"1m 30s\"", &["--in-memory"]).unwrap();
    assert_eq!(config.node.settings.workflow_task_timeout.as_secs(), 90);
    let error = check("[workflow]\ntask_timeout = \"soon\"", &["--in-memory"]).unwrap_err();
    assert!(error.contains("write \"10s\""), "{error}");
    let error = check("[workflow]\ntask_timeout = \"-1s\"", &["--in-memory"]).unwrap_err();
    assert!(error.contains("negative"), "{error}");
}

#[test]
fn what_is_printed_is_what_is_read() {
    let flags = Flags::try_parse_from(["weft-server", "--in-memory"]).unwrap();
    let file = File::effective(&flags).unwrap();
    let printed = toml::to_string(&file).unwrap();
    assert_eq!(toml::from_str::<File>(&printed).unwrap(), file);
}

#[test]
fn the_reference_in_the_docs_lists_every_key_with_its_default() {
    let reference = include_str!("../../../../docs/configuration.toml");
    assert_eq!(toml::from_str::<File>(reference).unwrap(), File::default());
    let mut defaults: toml::Table = toml::from_str(&toml::to_string(&File::default()).unwrap()).unwrap();
    defaults.remove("namespaces");
    let listed: toml::Table = toml::from_str(reference).unwrap();
    assert_eq!(listed, defaults);
}
