#!/usr/bin/env python3
"""Runs the suites of all SDKs and holds what they say against `status.toml`; see README.md beside this file.

Each suite writes the outcome of each of its scenarios. The table is made of these, and a difference to the committed one
is a failure; `--write` commits to the new one instead. A suite that cannot run has failed.

With `--oracle` they run against Temporal's own dev server, and what fails there is complained of: a scenario that does
not pass there asks for something that is not Temporal's. Scenarios with a crash are told of only: that server promises
nothing to them.
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import tools

HERE = Path(__file__).resolve().parent
SCENARIOS = HERE / "scenarios.toml"
STATUS = HERE / "status.toml"

# What the suite of our own SDK says of scenarios that it cannot play.
ABSENT = "not in this SDK: "

SCENARIOS_MIN = 60
CRASHES_MIN = 12

HEAD = """\
# What the official SDKs, and our own, say of this server: one line a scenario, one column an SDK, `pass` or the reason why not.
# Written by `cargo xtask conformance --write`; CI fails when a run says anything else.
# All of it runs in CI (tier `full` of docs/testing.md); a scenario that did not fit there would say `tier = "long"`.
"""


@dataclass(frozen=True)
class Against:
    """Which server the suites run against: the option that names its binary, and the binary."""

    option: str
    binary: Path

    def options(self, wfctl: Path, results: Path, dashes: str = "--") -> list[str]:
        given = {self.option: self.binary, "wfctl-bin": wfctl, "results": results}
        return [text for name, value in given.items() for text in (f"{dashes}{name}", str(value))]


def python(against: Against, wfctl: Path, results: Path) -> list[str]:
    # Temporal's own command line is no SDK.
    runner = [sys.executable, str(HERE / "run.py")]
    return [*runner, *against.options(wfctl, results), "-q", "--ignore=test_cli.py"]


def rust(against: Against, wfctl: Path, results: Path) -> list[str]:
    cargo = ["cargo", "run", "--quiet", "--locked", "--manifest-path", str(HERE / "rust" / "Cargo.toml"), "--"]
    return [*cargo, *against.options(wfctl, results)]


def go(against: Against, wfctl: Path, results: Path) -> list[str]:
    # Without a package name `go test` shows what it does.
    test = ["go", "test", "-C", str(HERE / "go"), "-count=1", "-args"]
    return [*test, *against.options(wfctl, results, dashes="-")]


def typescript(against: Against, wfctl: Path, results: Path) -> list[str]:
    return ["node", str(HERE / "typescript" / "run.mjs"), *against.options(wfctl, results)]


def java(against: Against, wfctl: Path, results: Path) -> list[str]:
    return [sys.executable, str(HERE / "java" / "run.py"), *against.options(wfctl, results)]


def weft(against: Against, wfctl: Path, results: Path) -> list[str]:
    # Built with the server and wfctl, beside them.
    return [str(wfctl.with_name("weft-conformance")), *against.options(wfctl, results)]


SUITES: dict[str, Callable[[Against, Path, Path], list[str]]] = {
    "python": python, "rust": rust, "go": go, "typescript": typescript, "java": java, "weft": weft,
}  # fmt: skip

# Where each SDK's version is pinned.
PINS = {
    "python": (HERE / "python" / "requirements.txt", r"^temporalio==([\d.]+)"),
    "rust": (HERE / "rust" / "Cargo.toml", r'^temporalio-sdk = \{ version = "=([\d.]+)"'),
    "go": (HERE / "go" / "go.mod", r"^\s+go\.temporal\.io/sdk v([\d.]+)"),
    "typescript": (HERE / "typescript" / "package.json", r'^\s+"@temporalio/worker": "([\d.]+)"'),
    "java": (HERE / "java" / "pom.xml", r"^\s+<temporal\.version>([\d.]+)<"),
    "weft": (HERE.parents[1] / "Cargo.toml", r'^version = "([\d.]+)"'),
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs the conformance suites of all SDKs against weft-server.")
    parser.add_argument("--server-bin", type=Path, required=True, help="a weft-server binary")
    parser.add_argument("--wfctl-bin", type=Path, required=True, help="the wfctl whose JSON histories are replayed")
    parser.add_argument("--only", action="append", choices=SUITES, help="only this suite, and no table")
    parser.add_argument("--write", action="store_true", help="keep the table that comes out, in status.toml")
    parser.add_argument("--oracle", action="store_true", help="run against Temporal's own dev server instead, and no table")
    parser.add_argument("--oracle-bin", type=Path, help="the same, with this server, which takes `server start-dev`")
    options = parser.parse_args()
    wfctl = options.wfctl_bin.resolve(strict=True)
    oracle = options.oracle_bin or (tools.devserver() if options.oracle else None)
    if oracle:
        against = Against("oracle-bin", oracle.resolve(strict=True))
    else:
        against = Against("server-bin", options.server_bin.resolve(strict=True))

    said, failed = {}, []
    with tempfile.TemporaryDirectory(prefix="weft-conformance-") as directory:
        for sdk in options.only or SUITES:
            results = Path(directory) / f"{sdk}.json"
            passed = run(sdk, SUITES[sdk](against, wfctl, results))
            said[sdk] = json.loads(results.read_text()) if results.exists() else {}
            if not passed and (not oracle or not said[sdk]):
                failed.append(f"the suite of the {sdk} SDK failed")
    if oracle:
        failed += not_temporals({sdk: outcomes for sdk, outcomes in said.items() if outcomes})
    elif not options.only:
        failed += compare(said, options.write)
    for complaint in failed:
        print(f"conformance: {complaint}", file=sys.stderr)
    return 1 if failed else 0


def run(sdk: str, command: list[str]) -> bool:
    print(f"\n--- conformance: {sdk} ---", flush=True)
    began = time.monotonic()
    try:
        passed = subprocess.run(command).returncode == 0
    except FileNotFoundError as error:
        print(f"needs {error.filename}: README.md says what must be installed", file=sys.stderr)
        passed = False
    print(f"{sdk}: {'passed' if passed else 'FAILED'} after {time.monotonic() - began:.0f} s", flush=True)
    return passed


def not_temporals(said: dict[str, dict[str, str]]) -> list[str]:
    """What does not pass against Temporal's own server, but for scenarios with a crash, which are told of."""
    complaints = []
    for name, scenario in tomllib.loads(SCENARIOS.read_text()).items():
        for sdk in said:
            reason = outcome(sdk, name, scenario, said[sdk])
            if reason == "pass" or reason.startswith(ABSENT):
                continue
            if "crash" in scenario:
                print(f"{sdk}: {name} did not survive Temporal's dev server: {reason}")
            else:
                complaints.append(f"{sdk}: {name} is not what Temporal does: {reason}")
    return complaints


def compare(said: dict[str, dict[str, str]], write: bool) -> list[str]:
    """Makes the table, and complains of what is wrong with it."""
    common = tomllib.loads(SCENARIOS.read_text())
    complaints = [
        f"{sdk} plays {name}, which scenarios.toml does not know"
        for sdk in said
        if sdk != "python"
        for name in said[sdk].keys() - common.keys()
    ]
    crashes = sum("crash" in scenario for scenario in common.values())
    if len(common) < SCENARIOS_MIN or crashes < CRASHES_MIN:
        complaints.append(f"{len(common)} scenarios, {crashes} of them with a crash: that is too few")
    table = render(common, said)
    if write:
        STATUS.write_text(table)
        return complaints
    old = STATUS.read_text() if STATUS.exists() else ""
    if table != old:
        print("".join(difflib.unified_diff(old.splitlines(True), table.splitlines(True), "committed", "this run")))
        complaints.append("status.toml is not what this run says: mend the server, or `cargo xtask conformance --write`")
    return complaints


def render(common: dict[str, dict], said: dict[str, dict[str, str]]) -> str:
    lines = [HEAD, "[sdks]"]
    lines += [f'{sdk} = "{version(sdk)}"' for sdk in said]
    lines += ["", "[scenarios]"]
    for name, scenario in common.items():
        cells = [f"{key} = {quoted(scenario[key])}" for key in ("crash", "tier") if key in scenario]
        cells += [f"{sdk} = {quoted(outcome(sdk, name, scenario, said[sdk]))}" for sdk in said]
        lines.append(f"{name} = {{ {', '.join(cells)} }}")
    return "\n".join(lines) + "\n"


def version(sdk: str) -> str:
    file, pattern = PINS[sdk]
    found = re.search(pattern, file.read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit(f"{file} does not say which version of the {sdk} SDK it pins")
    return found[1]


def outcome(sdk: str, name: str, scenario: dict, said: dict[str, str]) -> str:
    """`pass`, or the first reason why not."""
    # The Python suite is older than the list, and has its own names.
    names = scenario["python"] if sdk == "python" else [name]
    outcomes = [said.get(each, f"there is no {each}") for each in names]
    return next((each for each in outcomes if each != "pass"), "pass")


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main())
