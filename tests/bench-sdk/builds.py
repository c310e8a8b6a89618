#!/usr/bin/env python3
"""What it takes to build the smallest worker of each SDK from nothing: crates, seconds, and seconds of CPU.

Crates come from `cargo tree`; `--only-count` builds nothing. Each build has a target directory of its own, which is
removed. CPU time is what can be compared on a machine that others use too.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent / "hello"
SIDES = ("ours", "official")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only-count", action="store_true", help="count crates, and build nothing")
    options = parser.parse_args()
    found = {side: measure(HERE / side, options.only_count) for side in SIDES}
    for what in found["ours"]:
        ours, official = (found[side][what] for side in SIDES)
        print(f"{what:16} ours {ours:8.0f}   official {official:8.0f}   official/ours {official / ours:5.2f}")
    return 0


def measure(folder: Path, only_count: bool) -> dict[str, float]:
    said = {"crates": float(crates(folder))}
    if only_count:
        return said
    with tempfile.TemporaryDirectory(prefix="bench-sdk-") as target:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        cargo(folder, "build", env={"CARGO_TARGET_DIR": target, "CARGO_INCREMENTAL": "0"})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        said["seconds"] = time.monotonic() - began
        said["CPU seconds"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return said


def crates(folder: Path) -> int:
    tree = cargo(folder, "tree", "--edges", "normal,build", "--prefix", "none", "--format", "{p}")
    lines = {line.removesuffix(" (*)").removesuffix(" (proc-macro)") for line in tree.splitlines() if line}
    return len(lines) - 1


def cargo(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> str:
    ran = subprocess.run(
        ["cargo", *arguments], cwd=folder, env=os.environ | (env or {}), stdout=subprocess.PIPE, text=True, check=True
    )
    return ran.stdout


if __name__ == "__main__":
    sys.exit(main())
