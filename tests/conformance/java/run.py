#!/usr/bin/env python3
"""Builds the suite of the Java SDK and runs it; see README.md one folder up. All arguments go to the suite.

Maven's packages are kept in a cache, so that a fresh clone does not fetch them again, and what is built goes to a
temporary directory. The packages must be the very files that `dependencies.sha256` names; `--lock` writes it anew.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCK = HERE / "dependencies.sha256"
JAVA_MIN = 17

sys.path.insert(0, str(HERE.parent))
import tools  # noqa: E402


def main() -> int:
    java, arguments = jdk(), sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="weft-conformance-java-") as directory:
        build, repository = Path(directory), packages()
        jars = compile_suite(build, repository)
        found = checksums(jars, repository)
        if arguments == ["--lock"]:
            LOCK.write_text(found)
            return 0
        if found != LOCK.read_text():
            locked = LOCK.read_text().splitlines()
            print(*difflib.unified_diff(locked, found.splitlines(), LOCK.name, "fetched", lineterm=""), sep="\n")
            raise SystemExit(f"the packages are not those that {LOCK.name} names")
        path = os.pathsep.join(map(str, [build / "classes", *jars]))
        suite = [java, "-XX:+UseSerialGC", f"-Dweft.conformance.folder={HERE}", "-cp", path, "weft.conformance.Main"]
        return subprocess.run([*suite, *arguments]).returncode


def jdk() -> str:
    """The `java` of a JDK that is new enough: JAVA_HOME's, or the first on the path."""
    home = os.environ.get("JAVA_HOME")
    java, javac = (str(Path(home) / "bin" / name) if home else shutil.which(name) for name in ("java", "javac"))
    said = ""
    if java and javac and Path(javac).exists():
        said = subprocess.run([javac, "-version"], capture_output=True, text=True).stdout.strip()
    found = re.match(r"javac (\d+)", said)
    if not java or found is None or int(found[1]) < JAVA_MIN:
        raise SystemExit(
            f"the suite of the Java SDK needs a JDK, {JAVA_MIN} or newer, and found {said or 'none'}: "
            "install one (on Debian `apt-get install openjdk-17-jdk-headless`), or say with JAVA_HOME where it is"
        )
    return java


def packages() -> Path:
    """The Maven repository that holds what this pom.xml names, and nothing else."""
    key = hashlib.sha256((HERE / "pom.xml").read_bytes()).hexdigest()[:12]
    return tools.cache() / f"conformance-java-{key}"


def compile_suite(build: Path, repository: Path) -> list[Path]:
    """Compiles the suite into `build/classes` and gives the packages that it needs, in Maven's order."""
    complete, listed = repository / "complete", build / "classpath"
    settings = {"maven.repo.local": repository, "buildDirectory": build, "mdep.outputFile": listed}
    maven = [tools.maven(), "--batch-mode", "--quiet", "--file", str(HERE / "pom.xml")]
    maven += [f"-D{name}={value}" for name, value in settings.items()]
    # A complete repository needs no registry.
    maven += ["--offline"] if complete.exists() else []
    maven += ["compiler:compile", "dependency:build-classpath"]
    if (ended := subprocess.run(maven, stdout=subprocess.PIPE, text=True)).returncode != 0:
        raise SystemExit(ended.stdout)
    complete.touch()
    return [Path(jar) for jar in listed.read_text().strip().split(os.pathsep)]


def checksums(jars: list[Path], repository: Path) -> str:
    """In the form of `sha256sum`, each package by its path in a Maven repository."""
    found = sorted((str(jar.relative_to(repository)), hashlib.sha256(jar.read_bytes()).hexdigest()) for jar in jars)
    return "".join(f"{checksum}  {name}\n" for name, checksum in found)


if __name__ == "__main__":
    sys.exit(main())
