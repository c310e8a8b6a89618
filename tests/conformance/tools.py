"""What the suites need and do not find: built once, pinned, from where everybody gets it, and kept in the cache.

Temporal's CLI, unmodified, from the Go proxy; and `devserver/`, Temporal's server as a library. Both need Go.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

# The newest whose sources the proxy has whole: later ones have a nested module that is not there.
CLI = "github.com/temporalio/cli/cmd/temporal@v1.5.1"
DEVSERVER = Path(__file__).resolve().parent / "devserver"


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


def devserver() -> Path:
    """Temporal's own server, with the arguments of `temporal server start-dev`."""
    sources = b"".join((DEVSERVER / name).read_bytes() for name in ("go.mod", "go.sum", "main.go"))
    binary = cache() / f"temporal-devserver-{hashlib.sha256(sources).hexdigest()[:12]}" / "devserver"
    if not binary.exists():
        print("building Temporal's server: some minutes, once", flush=True)
        subprocess.run(["go", "build", "-mod=readonly", "-trimpath", "-o", binary, "."], cwd=DEVSERVER, check=True)
    return binary
