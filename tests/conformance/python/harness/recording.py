"""What Temporal's own server answered, kept in `recorded.json`: texts of refusals and other facts too long to type.

A run with `--record` against the oracle writes the file; every other run compares with it. A fact that the oracle was
never asked for is a failure: a scenario must have passed there first.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent.parent / "recorded.json"


class Recording:
    def __init__(self, write: bool) -> None:
        self.write = write
        self.expected: dict[str, dict[str, Any]] = json.loads(FILE.read_text()) if FILE.exists() else {}
        self.seen: dict[str, dict[str, Any]] = {}
        self.differences: dict[str, list[str]] = {}

    def same(self, scenario: str, label: str, fact: Any) -> None:
        fact = json.loads(json.dumps(fact))
        self.seen.setdefault(scenario, {})[label] = fact
        if self.write:
            return
        expected = self.expected.get(scenario, {}).get(label, "(never recorded)")
        if fact != expected:
            self.differences.setdefault(scenario, []).append(f"{label}: {fact!r}\n    Temporal: {expected!r}")

    def assert_complete(self, scenario: str) -> None:
        """Fails with all differences of the scenario at once, so that one wrong text does not hide the next."""
        found = self.differences.pop(scenario, [])
        assert not found, "not what Temporal answers:\n" + "\n".join(found)

    def save(self, complete: set[str]) -> None:
        """Keeps what the scenarios that passed have seen, in place of what they saw before."""
        if self.write:
            kept = {**self.expected, **{name: facts for name, facts in self.seen.items() if name in complete}}
            FILE.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
