"""Takes out of a message what differs from run to run, so that two servers' histories can be compared with diff.

Ids keep their identity: the first UUID of a scenario is `uuid-1` wherever it appears again.
"""

from __future__ import annotations

import re
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
DROPPED = {"taskId", "stackTrace", "buildId", "binaryChecksum", "sdkVersion", "sdkName", "workerVersion"}
OPAQUE = {"identity", "historySizeBytes", "taskToken", "nextPageToken", "lastWorkerIdentity", "workerInstanceKey"}


class Scrubber:
    def __init__(self, nonce: str) -> None:
        self.nonce = nonce
        self.uuids: dict[str, str] = {}

    def message(self, message: Message) -> Any:
        return self._value(MessageToDict(message))

    def text(self, text: str) -> str:
        text = text.replace(self.nonce, "N")
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
