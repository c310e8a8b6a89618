//! What is printed is what is tested.

#[test]
fn the_readme_and_the_guide_show_the_page_as_it_is_tested() {
    let (_, page) = include_str!("page.rs").split_once("on.\n").expect("a line that is not shown");
    let shown = format!("```rust\n{page}```");
    for (name, text) in
        [("README.md", include_str!("../../../../README.md")), ("docs/sdk.md", include_str!("../../../../docs/sdk.md"))]
    {
        assert!(text.contains(&shown), "{name} does not show crates/weft/tests/workflows/page.rs");
    }
}
