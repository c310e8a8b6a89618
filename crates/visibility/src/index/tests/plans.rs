//! What is asked of some groups is found by the same indexes as what is asked of all.

use super::*;
use crate::plan::{self, sql::Sql};

/// How SQLite goes about it.
fn explained(index: &Index, sql: &Sql) -> Vec<String> {
    let connection = index.connection.lock();
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", sql.text)).expect("it is SQL");
    let steps =
        statement.query_map(rusqlite::params_from_iter(&sql.values), |row| row.get(3)).expect("it is explained");
    let steps = steps.collect::<Result<Vec<String>, _>>().expect("texts");
    steps.into_iter().map(|step| step.replace("COVERING INDEX", "INDEX")).collect()
}

/// The steps of the statements of a page. What groups it is of stands in the rows, so no index has all that is asked.
fn of_page(index: &Index, query: &Query) -> Vec<Vec<String>> {
    plan::page(query, 1, None, 10, false).branches.iter().map(|branch| explained(index, branch)).collect()
}

#[test]
fn pages_of_some_groups_go_by_the_same_indexes() {
    let index = Index::in_memory().expect("an index");
    for text in
        ["", "ExecutionStatus = 'Running'", "WorkflowType = 'T'", "Colour = 'red'", "WorkflowId = 'w'", "RunId = 'r'"]
    {
        let all = query(text);
        let some = all.clone().within(BTreeSet::from([1, 5, 9]));
        let steps = of_page(&index, &some);
        assert_eq!(steps, of_page(&index, &all), "{text}");
        for step in steps.iter().flatten().filter(|step| step.contains(" r ")) {
            assert!(step.starts_with("SEARCH r USING"), "{text}: {step}");
        }
        let [few, many] = [Walk::Few, Walk::Many].map(|how| explained(&index, &plan::walk(&some, 1, None, 10, how)));
        assert!(few.iter().chain(&many).any(|step| step.contains("USING INDEX")), "{few:?} {many:?}");
    }
    // Pages of the usual order are read in it, and not sorted.
    let sorts = |steps: Vec<Vec<String>>| steps.concat().iter().any(|step| step.contains("TEMP B-TREE"));
    assert!(!sorts(of_page(&index, &query("").within(BTreeSet::from([1, 2])))));
}

#[test]
fn counts_of_some_groups_do_not_look_at_the_runs_where_tallies_tell() {
    let index = Index::in_memory().expect("an index");
    let some = query("ExecutionStatus = 'Running' GROUP BY WorkflowType").within(BTreeSet::from([3, 4]));
    let steps = explained(&index, &plan::count(&some, 1, 10).0);
    assert!(steps[0].starts_with("SEARCH r USING PRIMARY KEY (space=?"), "{steps:?}");
}
