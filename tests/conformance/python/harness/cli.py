"""Temporal's own command line against the server of a scenario, unmodified: what it prints, and what it is refused."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from harness.scenario import Scenario

# Of a line of its log: what was said, in quotes.
MESSAGE = re.compile(r' msg=("(?:[^"\\]|\\.)*")')


class Cli:
    def __init__(self, s: Scenario, namespace: str | None = None) -> None:
        assert s.launch.cli_bin, "say with --cli-bin or --build-cli which `temporal`"
        self.s = s
        self.namespace = namespace or s.namespace

    async def run(self, line: str, *more: str) -> tuple[int, str, str]:
        """`line` is split at its blanks; what has blanks in it is given as `more`."""
        process = await asyncio.create_subprocess_exec(
            self.s.launch.cli_bin, *line.split(), *more,
            # Nothing of the machine's owner.
            "--disable-config-file", "--disable-config-env", "--env-file", "/dev/null",
            "--address", self.s.address, "--namespace", self.namespace,
            "--color", "never", "--log-level", "error", "--command-timeout", "30s",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        stdout, stderr = await process.communicate()
        return process.returncode or 0, stdout.decode(), stderr.decode()

    async def text(self, line: str, *more: str) -> str:
        """What it prints for people."""
        code, stdout, stderr = await self.run(line, *more)
        assert code == 0, f"temporal {line}: exit code {code}\n{stderr}{stdout}"
        return stdout

    async def json(self, line: str, *more: str) -> Any:
        """What it prints for programs; some commands print nothing."""
        text = await self.text(line, *more, "--output", "json")
        return json.loads(text) if text.strip() else None

    async def refused(self, line: str, *more: str, own_words: bool = False) -> None:
        """It fails, and says what it said of Temporal's server."""
        code, _, stderr = await self.run(line, *more)
        assert code != 0, f"temporal {line} was not refused"
        said = MESSAGE.findall(stderr)
        assert said, f"temporal {line}: exit code {code} without a word of why\n{stderr[-500:]}"
        self.s.refused_otherwise("\n".join(json.loads(each) for each in said), own_words)
