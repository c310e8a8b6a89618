//! What the flags come to.

use clap::{Parser, error::ErrorKind};

use super::*;
use crate::cli::{Cli, Verb as Top};

fn args(line: &str) -> Result<Args, clap::Error> {
    let all = "wfctl server start-dev".split(' ').chain(line.split(' ').filter(|word| !word.is_empty()));
    match Cli::try_parse_from(all)?.verb {
        Top::Server(Verb::StartDev(args)) => Ok(*args),
        other => panic!("it was taken for {other:?}"),
    }
}

/// What an SDK starts.
const OF_AN_SDK: &str = "--port 7777 --namespace orders --ip 127.0.0.1 --log-format pretty --log-level warn \
    --dynamic-config-value frontend.enableServerVersionCheck=false \
    --dynamic-config-value frontend.enableUpdateWorkflowExecution=true --headless \
    --search-attribute Customer=Keyword --search-attribute Amount=Int";

#[test]
fn an_sdks_command_line_comes_to_a_server_in_memory() {
    let file = args(OF_AN_SDK).unwrap().file();
    assert!(file.server.in_memory);
    assert_eq!((file.server.listen.as_str(), file.log.level.as_str()), ("127.0.0.1:7777", "warn"));
    let names: Vec<_> = file.namespaces.iter().map(|namespace| namespace.name.as_str()).collect();
    assert_eq!(names, ["default", "orders"]);
    assert!(file.namespaces.iter().all(|namespace| namespace.search_attributes["Amount"] == "Int"));
    Config::check(&file).unwrap();
}

#[test]
fn a_place_for_the_data_makes_it_durable() {
    let file = args("-f ./data -n a -n b --ip localhost --log-level never").unwrap().file();
    assert_eq!((file.server.in_memory, file.server.data_dir), (false, Some("./data".into())));
    assert_eq!((file.namespaces.len(), file.log.level.as_str()), (3, "off"));
}

#[test]
fn a_flag_that_is_not_there_is_refused_with_those_that_are() {
    let refused = args("--sqlite-pragma journal_mode=off").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::UnknownArgument);
    let says = refused.to_string();
    assert!(
        ["--sqlite-pragma", "--db-filename", "--search-attribute"].iter().all(|word| says.contains(word)),
        "{says}"
    );
}

#[test]
fn values_that_are_none_are_refused() {
    for wrong in ["--search-attribute Customer", "--dynamic-config-value =1", "--ip nowhere", "--log-level loud"] {
        assert_eq!(args(wrong).map(|_| ()).map_err(|error| error.exit_code()), Err(2), "{wrong}");
    }
    assert!(Config::check(&args("--search-attribute Customer=Money").unwrap().file()).is_err());
}
