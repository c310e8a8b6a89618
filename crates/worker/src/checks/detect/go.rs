//! Go's own tools.

use super::Tree;
use crate::{
    checks::{Check, Format},
    model::CheckKind,
};

pub(super) fn checks(tree: &Tree) -> Vec<(CheckKind, Check)> {
    if !tree.has("go.mod") {
        return Vec::new();
    }
    let format = Check::new("files=$(gofmt -l .) && echo \"$files\" && test -z \"$files\"").fixed_by("gofmt -w .");
    let coverage = "go test -coverprofile=\"$TMPDIR/cover.out\" ./... >&2; go tool cover -func=\"$TMPDIR/cover.out\"";
    let mut checks = vec![
        (CheckKind::Lint, format),
        (CheckKind::StaticAnalysis, Check::new("go vet ./...")),
        (CheckKind::Dependencies, Check::new("go mod verify")),
    ];
    if tree.any(|file| file.ends_with("_test.go")) {
        checks.push((CheckKind::UnitTests, Check::new("go test -json ./...").reporting(Format::GoTests)));
        checks.push((CheckKind::Coverage, Check::new(coverage).reporting(Format::LastPercent)));
    }
    checks
}
