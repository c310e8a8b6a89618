"""Takes out of a message what differs from run to run.

Ids keep their identity: the first UUID of a scenario is `uuid-1` wherever it appears again. `Scrubber` is for facts and
texts, `Comparison` for whole histories of two servers that are laid side by side.
"""

from __future__ import annotations

import base64
import re
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
# Go's protobuf writes one space or two between the fields of a message: it is another for each build, on purpose.
SPACES = re.compile(r"(?<=\S)  (?=[a-z_]+:)")
DROPPED = {"taskId", "stackTrace", "buildId", "binaryChecksum", "sdkVersion", "sdkName", "workerVersion"}
OPAQUE = {"identity", "historySizeBytes", "taskToken", "nextPageToken", "lastWorkerIdentity", "workerInstanceKey"}

# Seconds that a clock gave: in the results of workflows, and in the marker that SDKs write for a local activity.
MEASURED = re.compile(r'(?<="seconds":)\d+|(?<="nanos":)\d+|(?<=\d\.)\d{3,}')
# Numbers of flags, in the order of a set.
UNORDERED = {"coreUsedFlags", "langUsedFlags"}
# What was left of a delay when the run began.
REMAINDER = "firstWorkflowTaskBackoff"


class Scrubber:
    def __init__(self, nonce: str) -> None:
        self.nonce = nonce
        self.uuids: dict[str, str] = {}

    def message(self, message: Message) -> Any:
        return self._value(MessageToDict(message))

    def text(self, text: str) -> str:
        text = SPACES.sub(" ", text.replace(self.nonce, "N"))
        text = UUID.sub(self._uuid, text)
        return TIME.sub("<time>", text)

    def _uuid(self, match: re.Match[str]) -> str:
        return self.uuids.setdefault(match.group(), f"uuid-{len(self.uuids) + 1}")

    def _value(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {self.text(k): self._value(v, k) for k, v in value.items() if k not in DROPPED}
        if isinstance(value, list):
            return [self._value(each, key) for each in value]
        if key in OPAQUE:
            return f"<{key}>"
        return self.text(value) if isinstance(value, str) else value


class Comparison(Scrubber):
    """Payloads are shown as the text they hold, so that ids and times in them are taken out too."""

    def _value(self, value: Any, key: str = "") -> Any:
        if key in UNORDERED and isinstance(value, list):
            value = sorted(value)
        elif key == REMAINDER:
            return f"<{key}>"
        elif key == "requestId" and isinstance(value, str):
            # Not numbered: how many of them there are is the business of clients and servers.
            return UUID.sub("<uuid>", value.replace(self.nonce, "N"))
        elif isinstance(value, dict) and "metadata" in value:
            value = {**value, "data": self._data(value.get("data", ""))}
        elif isinstance(value, dict) and value.get("kind") == "TASK_QUEUE_KIND_STICKY":
            value = {**value, "name": "<sticky>"}
        return super()._value(value, key)

    @staticmethod
    def _data(data: str) -> str:
        try:
            return MEASURED.sub("<measured>", base64.b64decode(data).decode())
        except ValueError:
            return data
