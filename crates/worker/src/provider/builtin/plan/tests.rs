//! Requirements, repositories, and the plans that come of them.

use super::*;

fn facts(files: &[&str], failing: &[(&str, &str)]) -> Facts {
    let test = |(name, file): &(&str, &str)| FailingTest { name: (*name).to_owned(), file: Some((*file).to_owned()) };
    Facts { files: files.iter().map(|it| (*it).to_owned()).collect(), failing: failing.iter().map(test).collect() }
}

/// Id, title, what it depends on, and files, of each issue.
fn shown(plan: &Plan) -> Vec<String> {
    let joined = |items: Vec<&str>| items.join(" ");
    let issue = |it: &Issue| {
        let on = joined(it.depends_on.iter().map(|id| id.0.as_str()).collect());
        let files = joined(it.files.iter().map(String::as_str).collect());
        format!("{} {} [{on}] [{files}]", it.id, it.title)
    };
    plan.issues.iter().map(issue).collect()
}

#[test]
fn a_feature_is_taken_apart_by_the_parts_that_it_touches() {
    let files = ["backend/api/users.py", "frontend/pages/Home.tsx", "tests/test_users.py"];
    let plan = plan("Add user profile page with avatar upload", &facts(&files, &[]));
    assert_eq!(plan.branch, BranchKind::Feature);
    assert_eq!(plan.components, ["backend", "storage", "frontend"]);
    let wanted = [
        "issue-1 Create user profile API endpoint [] []",
        "issue-2 Implement avatar storage service [] []",
        "issue-3 Build profile page UI [issue-1 issue-2] []",
        "issue-4 Add profile tests [issue-1 issue-2 issue-3] []",
    ];
    assert_eq!(shown(&plan), wanted);
    let waves: Vec<usize> = plan.waves().expect("it is a plan").iter().map(Vec::len).collect();
    assert_eq!(waves, [2, 1, 1]);
}

#[test]
fn a_repair_is_one_focused_issue() {
    let files = ["workers/job_processor.py", "workers/queue.py", "tests/test_job_processor.py"];
    let failing = [("test_memory_is_released", "tests/test_job_processor.py")];
    let plan = plan("Fix memory leak in background job processor", &facts(&files, &failing));
    assert_eq!(plan.branch, BranchKind::Bugfix);
    assert_eq!(shown(&plan), ["issue-1 Fix memory leak in background job processor [] [workers/job_processor.py]"]);
    let issue = plan.issues.first().expect("there is one");
    assert!(issue.description.ends_with("Done when these tests pass: test_memory_is_released."));
    assert_eq!(issue.skills, BTreeSet::from(["python".to_owned()]));
}

#[test]
fn faults_in_several_sources_are_issues_of_their_own() {
    let files = ["shop/money.py", "shop/stock.py", "tests/test_money.py", "tests/test_stock.py"];
    let failing = [("test_split", "tests/test_money.py"), ("test_low", "tests/test_stock.py")];
    let plan = plan("Fix the failing tests", &facts(&files, &failing));
    let wanted = [
        "issue-1 Fix the failing tests in shop/money.py [] [shop/money.py]",
        "issue-2 Fix the failing tests in shop/stock.py [] [shop/stock.py]",
    ];
    assert_eq!(shown(&plan), wanted);
}

#[test]
fn a_file_that_the_requirement_names_is_what_it_is_about() {
    let files = ["shop/money.py", "shop/stock.py", "tests/test_money.py"];
    let failing = [("test_split", "tests/test_money.py")];
    let named = plan("Fix days_left in shop/stock.py", &facts(&files, &failing));
    assert_eq!(shown(&named), ["issue-1 Fix days_left in shop/stock.py [] [shop/stock.py]"]);
}

#[test]
fn nothing_is_invented_where_nothing_is_known() {
    let plan = plan("Make it nicer", &Facts::default());
    assert_eq!(shown(&plan), ["issue-1 Make it nicer [] []"]);
    assert!(plan.waves().is_ok());
    assert!(plan.design.contains("- Languages: none found"));
}
