#!/usr/bin/env python3
"""Makes the venv that `python/requirements.txt` describes and runs the suite in it; see README.md beside this file.

Arguments that are not its own go to pytest. The exit code is pytest's.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

import tools

SUITE = Path(__file__).resolve().parent / "python"
REQUIREMENTS = SUITE / "requirements.txt"


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs the conformance suite against a server.")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--address", help="HOST:PORT of a server that is already running; crash scenarios fail")
    which.add_argument("--server-bin", type=Path, help="a weft-server binary")
    which.add_argument("--oracle-bin", type=Path, help="a `temporal` CLI binary: Temporal's own dev server")
    parser.add_argument("--wfctl-bin", type=Path, help="the wfctl whose JSON histories are replayed")
    cli = parser.add_mutually_exclusive_group()
    cli.add_argument("--cli-bin", type=Path, help="Temporal's own command line, `temporal`")
    cli.add_argument("--build-cli", action="store_true", help="build that command line once, with Go, and use it")
    parser.add_argument("--server-arg", action="append", default=[], help="one more argument for the server")
    parser.add_argument("--dump", type=Path, help="directory for normalised histories and refusals")
    parser.add_argument("--results", type=Path, help="file for the outcome of each test")
    parser.add_argument("--record", action="store_true", help="keep the oracle's answers in python/recorded.json")
    options, rest = parser.parse_known_args()

    command = [str(python()), "-m", "pytest", "-c", "pytest.ini", "--rootdir=."]
    if options.address:
        command.append(f"--address={options.address}")
    if options.server_bin:
        command.append(f"--server-bin={options.server_bin.resolve(strict=True)}")
    if options.oracle_bin:
        command.append(f"--oracle-bin={options.oracle_bin.resolve(strict=True)}")
    if options.wfctl_bin:
        command.append(f"--wfctl-bin={options.wfctl_bin.resolve(strict=True)}")
    if options.build_cli or options.cli_bin:
        command.append(f"--cli-bin={options.cli_bin.resolve(strict=True) if options.cli_bin else tools.cli()}")
    if options.dump:
        command.append(f"--dump={options.dump.resolve()}")
    if options.results:
        command.append(f"--results={options.results.resolve()}")
    if options.record:
        command.append("--record")
    command += [f"--server-arg={arg}" for arg in options.server_arg]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([*command, *rest], cwd=SUITE, env=environment).returncode


def python() -> Path:
    """The interpreter of a venv that holds exactly what the requirements say; made when it is not there yet."""
    key = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:12]
    directory = tools.cache() / f"conformance-python-{key}"
    interpreter = directory / "bin" / "python"
    done = directory / "complete"
    if not done.exists():
        venv.create(directory, clear=True, with_pip=True)
        install = [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, "--no-deps", "-r", REQUIREMENTS], check=True)
        done.touch()
    return interpreter


if __name__ == "__main__":
    sys.exit(main())
