"""What the suites need and do not find: built once, pinned, from where everybody gets it, and kept in the cache."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

# The newest whose sources the proxy has whole: later ones have a nested module that is not there.
CLI = "github.com/temporalio/cli/cmd/temporal@v1.5.1"


def cache() -> Path:
    return Path(os.environ.get("WEFT_CACHE_DIR") or Path.home() / ".cache" / "weft")


def cli() -> Path:
    """The `temporal` command line."""
    directory = cache() / f"temporal-cli-{CLI.rsplit('@', 1)[1]}"
    binary = directory / "temporal"
    if not binary.exists():
        print(f"building {CLI}: some minutes, once", flush=True)
        subprocess.run(["go", "install", CLI], env={**os.environ, "GOBIN": str(directory)}, check=True)
    return binary
