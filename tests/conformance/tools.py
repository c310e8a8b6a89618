"""What the suites need and do not find: built once, pinned, from where everybody gets it, and kept in the cache.

Temporal's CLI, unmodified, from the Go proxy; and `devserver/`, Temporal's server as a library. Both need Go.
Maven, from Maven Central, where the machine has none.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import urllib.request
from pathlib import Path

# The newest whose sources the proxy has whole: later ones have a nested module that is not there.
CLI = "github.com/temporalio/cli/cmd/temporal@v1.5.1"
MAVEN = "3.9.11"
MAVEN_SHA512 = (
    "bcfe4fe305c962ace56ac7b5fc7a08b87d5abd8b7e89027ab251069faebee516"
    "b0ded8961445d6d91ec1985dfe30f8153268843c89aa392733d1a3ec956c9978"
)
MAVEN_CENTRAL = "https://repo.maven.apache.org/maven2/org/apache/maven/apache-maven"
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


def maven() -> str:
    """The machine's `mvn`, or one of our own."""
    if found := shutil.which("mvn"):
        return found
    directory = cache() / f"maven-{MAVEN}"
    binary = directory / f"apache-maven-{MAVEN}" / "bin" / "mvn"
    if not binary.exists():
        address = f"{MAVEN_CENTRAL}/{MAVEN}/apache-maven-{MAVEN}-bin.tar.gz"
        print(f"fetching {address}", flush=True)
        with urllib.request.urlopen(address, timeout=60) as answer:
            archive = answer.read()
        if (found := hashlib.sha512(archive).hexdigest()) != MAVEN_SHA512:
            raise SystemExit(f"{address} is not the file that this version of the suite trusts: its SHA-512 is {found}")
        # Whole or not at all.
        half = directory.with_name(f"{directory.name}.{os.getpid()}")
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(half)
        half.rename(directory)
    return str(binary)
