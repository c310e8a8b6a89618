"""The server under test: one that is already running, a Weft binary, or a Temporal dev server used as an oracle.

A server that this module starts listens on loopback only, keeps its port when it is started again, and can be
killed with SIGKILL. It writes into a temporary directory that goes away with it.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from temporalio.client import Client

READY_SECONDS = 60


@dataclass(frozen=True)
class Launch:
    """How servers come to be in this session."""

    address: str | None = None
    server_bin: str | None = None
    oracle_bin: str | None = None
    wfctl_bin: str | None = None
    cli_bin: str | None = None
    server_args: list[str] = field(default_factory=list)

    @property
    def is_oracle(self) -> bool:
        return self.oracle_bin is not None

    def server(self, to_be_killed: bool) -> "Server":
        if self.server_bin:
            return WeftServer(self.server_bin, self.server_args)
        if self.oracle_bin:
            return OracleServer(self.oracle_bin, self.server_args, in_memory=not to_be_killed)
        raise AssertionError("this scenario kills its server: run the suite with --server-bin or --oracle-bin")


class Server:
    """A server process of our own. `start` after `kill` is a restart on the same data and the same port."""

    address: str

    def __init__(self, binary: str, extra: list[str]) -> None:
        self.binary = binary
        self.extra = extra
        self.directory = Path(tempfile.mkdtemp(prefix="weft-conformance-"))
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    async def start(self) -> None:
        self.starts += 1
        with open(self.directory / "server.log", "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + READY_SECONDS
        while not await self.is_ready():
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended while starting:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"no server after {READY_SECONDS} s:\n{self.log_tail()}")
            await asyncio.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL, as a crash does: nothing is flushed, nobody is told."""
        assert self.process is not None, "the server was never started"
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def dispose(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        if not os.environ.get("WEFT_CONFORMANCE_KEEP"):
            shutil.rmtree(self.directory, ignore_errors=True)

    def log_tail(self) -> str:
        return (self.directory / "server.log").read_text(errors="replace")[-4000:]

    def command(self) -> list[str]:
        raise NotImplementedError

    async def is_ready(self) -> bool:
        raise NotImplementedError


class WeftServer(Server):
    port = 0

    def command(self) -> list[str]:
        self.ready_file = self.directory / f"ready-{self.starts}.json"
        return [
            self.binary,
            "--data-dir", str(self.directory / "data"),
            "--listen", f"127.0.0.1:{self.port}",
            "--ready-file", str(self.ready_file),
            "--metrics-listen", "127.0.0.1:0",
            *self.extra,
        ]  # fmt: skip

    async def is_ready(self) -> bool:
        try:
            self.address = json.loads(self.ready_file.read_text())["address"]
        except (FileNotFoundError, json.JSONDecodeError):
            return False
        self.port = int(self.address.rsplit(":", 1)[1])
        return True


class OracleServer(Server):
    """`temporal server start-dev`: in memory, or with its database in a file if it is to be killed and started again.

    With the file it loses workflow tasks to their timeout now and then when many scenarios share it, so those that do
    not need it do without.
    """

    def __init__(self, binary: str, extra: list[str], in_memory: bool) -> None:
        super().__init__(binary, extra)
        # A killed process loses nothing that it wrote to its file, so the file need not be synced.
        in_file = ["--db-filename", str(self.directory / "temporal.db")]
        in_file += ["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=OFF"]
        self.database = [] if in_memory else in_file
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return [
            self.binary, "server", "start-dev", "--headless",
            "--port", str(self.port),
            *self.database,
            # Else a delete waits until queues have told how far they are, which they do once or twice a minute.
            "--dynamic-config-value", "history.transferProcessorEnsureCloseBeforeDelete=false",
            "--dynamic-config-value", "history.visibilityProcessorEnsureCloseBeforeDelete=false",
            # What newer servers will do by themselves, and Weft does.
            "--dynamic-config-value", "frontend.enableCancelWorkerPollsOnShutdown=true",
            # Weft lets workflows be paused; here they must be asked for.
            "--dynamic-config-value", "frontend.WorkflowPauseEnabled=true",
            # Scenarios ask for many small lists.
            "--dynamic-config-value", "frontend.namespaceRPS.visibility=10000",
            "--dynamic-config-value", "system.visibilityPersistenceMaxReadQPS=10000",
            "--log-level", "error",
            *self.extra,
        ]  # fmt: skip

    async def is_ready(self) -> bool:
        try:
            client = await asyncio.wait_for(Client.connect(self.address), 2)
            # The front end answers before history and matching do: one start proves them all.
            start = client.start_workflow("Probe", id=f"probe-{uuid.uuid4()}", task_queue="probe")
            await (await asyncio.wait_for(start, 2)).terminate()
        except Exception:
            return False
        return True
