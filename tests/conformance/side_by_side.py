#!/usr/bin/env python3
"""Runs the Python suite's scenarios against Weft and against Temporal's own server, and compares what they saw.

Histories are compared event by event, refusals by code, details and text; ids, times and other accidents are taken out
by the suite. What may differ stands in `differences.toml`, and the list is exact: a difference that is not listed
fails, and so does one that is listed and was not seen. Arguments that are not its own go to pytest; with any of them
only a part runs, and what is listed need not be seen.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import tools

HERE = Path(__file__).resolve().parent
LIST = HERE / "differences.toml"
DOCUMENT = HERE.parent.parent / "docs" / "compatibility.md"
LISTED_MAX = 10
AGAIN_MAX = 3
ABSENT = "(absent)"


@dataclass
class Listed:
    """A difference that is meant: where it may be, and the rule of docs/compatibility.md, by its title, that says why."""

    rule: str
    at: list[str]
    scenarios: list[str] | None = None
    seen: set[str] = field(default_factory=set)

    def covers(self, difference: Difference) -> bool:
        if self.scenarios is not None and difference.scenario not in self.scenarios:
            return False
        return any(fnmatchcase(difference.path, place) for place in self.at)


@dataclass(frozen=True)
class Difference:
    scenario: str
    file: str
    path: str
    temporal: Any
    weft: Any

    def __str__(self) -> str:
        return f"{self.scenario}/{self.file}: {self.path}: Temporal {shown(self.temporal)}, Weft {shown(self.weft)}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Compares Weft with Temporal's server, scenario by scenario.")
    parser.add_argument("--server-bin", type=Path, required=True, help="a weft-server binary")
    parser.add_argument("--wfctl-bin", type=Path, required=True, help="the wfctl whose JSON histories are replayed")
    parser.add_argument("--oracle-bin", type=Path, help="a server with the arguments of `temporal server start-dev`")
    parser.add_argument("--dump", type=Path, help="keep what both saw in this directory")
    parser.add_argument("--compare-only", action="store_true", help="compare what --dump holds and run nothing")
    options, rest = parser.parse_known_args()
    whole = not rest

    with tempfile.TemporaryDirectory(prefix="weft-side-by-side-") as scratch:
        dump = (options.dump or Path(scratch)).resolve()
        if not options.compare_only:
            oracle = options.oracle_bin or tools.devserver()
            rest = ["--wfctl-bin", options.wfctl_bin, *rest]
            run_suite(dump / "temporal", ["--oracle-bin", oracle, *rest], again=True)
            run_suite(dump / "weft", ["--server-bin", options.server_bin, *rest], again=False)
        return report(dump, whole)


def run_suite(dump: Path, arguments: list[Any], again: bool) -> None:
    """With `again`, what fails is run once more and then again: Temporal's dev server loses a task or update now and then."""
    print(f"--- the scenarios against {dump.name}", flush=True)
    shutil.rmtree(dump, ignore_errors=True)
    command = [sys.executable, HERE / "run.py", "--build-cli", "--dump", dump, *map(str, arguments)]
    outcome = dump.with_suffix(".xml")
    ended = subprocess.run([*command, "-q", f"--junitxml={outcome}"])
    failed = failed_in(outcome) if outcome.exists() else []
    for _ in range(AGAIN_MAX if again else 0):
        if failed:
            print(f"--- once more: {', '.join(failed)}", flush=True)
            ended = subprocess.run([*command, "-q", f"--junitxml={outcome}", "-k", " or ".join(failed)])
            failed = failed_in(outcome)
    if ended.returncode:
        # What the others saw is compared all the same, so that one run tells everything.
        print(f"not all scenarios passed against {dump.name}", flush=True)
    if not dump.exists():
        sys.exit(f"the suite could not be run against {dump.name}")


def failed_in(outcome: Path) -> list[str]:
    cases = ElementTree.parse(outcome).iter("testcase")
    return [case.attrib["name"] for case in cases if case.find("failure") is not None]


def report(dump: Path, whole: bool) -> int:
    listed = [Listed(**entry) for entry in tomllib.loads(LIST.read_text())["difference"]]
    complaints = check_list(listed)
    files, differences = compare(dump / "temporal", dump / "weft")
    counts: Counter[str] = Counter()
    for difference in differences:
        entry = next((entry for entry in listed if entry.covers(difference)), None)
        if entry is None:
            complaints.append(str(difference))
        else:
            entry.seen |= {place for place in entry.at if fnmatchcase(difference.path, place)}
            counts[entry.rule] += 1
    if whole:
        for entry in listed:
            unseen = sorted(set(entry.at) - entry.seen)
            complaints += [f"listed and not seen: {place} ({entry.rule})" for place in unseen]
    for rule, count in counts.items():
        print(f"{count} times: {rule}")
    print(f"{files} histories and sets of refusals compared, {len(complaints)} complaints")
    print("\n".join(complaints[:200]))
    return 1 if complaints else 0


def check_list(listed: list[Listed]) -> list[str]:
    """The list is short, and each entry has its rule in the document."""
    rules = re.findall(r"^\d+\. \*\*(.*?)\*\*", DOCUMENT.read_text(), re.MULTILINE)
    complaints = [f"no rule of {DOCUMENT.name}: {entry.rule}" for entry in listed if entry.rule not in rules]
    if len(listed) > LISTED_MAX:
        complaints.append(f"{len(listed)} differences are listed: at most {LISTED_MAX} are borne")
    return complaints


def compare(temporal: Path, weft: Path) -> tuple[int, list[Difference]]:
    names = sorted({path.relative_to(side) for side in (temporal, weft) for path in side.rglob("*.json")})
    names = [name for name in names if name.stem.startswith(("history-", "events-", "refusals"))]
    differences = []
    for name in names:
        sides = [json.loads((side / name).read_text()) if (side / name).exists() else ABSENT for side in (temporal, weft)]
        for path, left, right in difference_of(name.stem, *sides):
            differences.append(Difference(str(name.parent), name.stem, path, left, right))
    return len(names), differences


def difference_of(stem: str, left: Any, right: Any) -> Iterator[tuple[str, Any, Any]]:
    if stem.startswith("history-") and ABSENT not in (left, right):
        kinds = [[event["eventType"] for event in side] for side in (left, right)]
        if kinds[0] != kinds[1]:
            # Without the same events attributes have nothing to be compared with.
            yield "the sequence of events", *kinds
            return
    yield from walk(left, right, "")


def walk(left: Any, right: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Every place where the two differ. Places in lists have no numbers: one rule stands for all events of a kind."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted(left.keys() | right.keys()):
            yield from walk(left.get(key, ABSENT), right.get(key, ABSENT), f"{path}.{key}" if path else key)
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for one, other in zip(left, right):
            yield from walk(one, other, path)
    elif left != right:
        yield path, left, right


def shown(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(each.removeprefix("EVENT_TYPE_") for each in value)
    text = json.dumps(value)
    return text if len(text) <= 300 else text[:300] + "…"


if __name__ == "__main__":
    sys.exit(main())
