//! What the rules say of small differences.

use super::*;

/// A difference that adds lines to a file, as git prints it.
fn adds(file: &str, lines: &[&str]) -> String {
    let added: String = lines.iter().map(|line| format!("+{line}\n")).collect();
    format!(
        "diff --git a/{file} b/{file}\nindex 1..2 100644\n--- a/{file}\n+++ b/{file}\n@@ -7,1 +7,{} @@ def f():\n x\n{added}",
        lines.len() + 1
    )
}

fn found(diff: &str) -> Vec<(String, Option<u32>)> {
    let all = review(diff).findings.into_iter();
    all.map(|it| (it.rule.unwrap_or_default(), it.line)).collect()
}

#[test]
fn a_plain_change_is_approved_and_a_missing_test_is_noted() {
    let review = review(&adds("shop.py", &["return 1"]));
    assert_eq!(review.verdict, ReviewVerdict::Approve);
    assert_eq!(found(&adds("shop.py", &["return 1"])), [("untested".to_owned(), None)]);
    assert!(review.summary.contains("1 files, 1 lines more, 0 less"), "{review:?}");
    let both = adds("shop.py", &["return 1"]) + &adds("tests/test_shop.py", &["assert True"]);
    assert_eq!(found(&both), []);
    assert_eq!(found(&adds("README.md", &["x"])), []);
}

#[test]
fn what_no_change_should_bring_is_found_where_it_is() {
    for (file, line, rule) in [
        ("src/a.rs", "    let x = dbg!(y);", "debugging"),
        ("a.py", "    breakpoint()", "debugging"),
        ("a.ts", "debugger;", "debugging"),
        ("a.txt", "<<<<<<< HEAD", "conflict-marker"),
        ("a.py", "KEY = 'AKIAABCDEFGHIJKLMNOP'", "secret"),
        ("a.pem", "-----BEGIN RSA PRIVATE KEY-----", "secret"),
        ("a.yaml", "password: \"correct-horse\"", "secret"),
        ("a.py", "api_key = 'correct-horse'", "secret"),
        ("tests/test_a.py", "@unittest.skip('slow')", "switched-off-test"),
        ("tests/a.rs", concat!("#[", "ignore]"), "switched-off-test"),
    ] {
        let review = review(&adds(file, &["fine", line]));
        assert_eq!(review.verdict, ReviewVerdict::RequestChanges, "{line}: {review:?}");
        let first = &review.findings[0];
        assert_eq!((first.rule.as_deref(), first.line, first.file.as_deref()), (Some(rule), Some(9), Some(file)));
    }
}

#[test]
fn a_mark_of_a_missing_end_of_line_is_no_line() {
    let diff = "diff --git a/a.py b/a.py\nindex 1..2 100644\n--- a/a.py\n+++ b/a.py\n@@ -1 +1,2 @@\n-x\n\\ No newline at \
                end of file\n+x\n+breakpoint()\n\\ No newline at end of file\n";
    assert_eq!(review(diff).findings[0].line, Some(2));
}

#[test]
fn what_only_looks_like_it_is_let_be() {
    for (file, line) in [
        ("a.py", "password = os.environ['PASSWORD']"),
        ("a.py", "password = \"example-password\""),
        ("a.py", "print('wrong password: try again')"),
        ("a.md", "======="),
        ("a.md", "Never leave breakpoint() in code"),
        ("tests/test_a.py", "login(password='correct-horse')"),
    ] {
        let said = review(&adds(file, &[line]));
        assert!(said.findings.iter().all(|it| it.severity < Severity::Error), "{line}: {said:?}");
    }
}

#[test]
fn tests_that_go_and_changes_that_are_too_large_are_found() {
    let gone = "diff --git a/tests/test_a.py b/tests/test_a.py\ndeleted file mode 100644\nindex 1..0\n--- a/tests/test_a.py\n\
        +++ /dev/null\n@@ -1,1 +0,0 @@\n-assert True\n";
    assert_eq!(found(gone), [("deleted-test".to_owned(), None)]);
    for (lines, verdict) in [(500, ReviewVerdict::Approve), (2_001, ReviewVerdict::RequestChanges)] {
        let review = review(&adds("a.txt", &vec!["x"; lines]));
        assert_eq!((review.verdict, review.findings[0].rule.as_deref()), (verdict, Some("size")));
    }
}
