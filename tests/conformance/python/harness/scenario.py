"""What one scenario holds in its hands: a client, a raw service, names of its own, workers, and its three assertions.

A scenario that asserted no history or no refusal has not done its work and fails.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from enum import Enum
from pathlib import Path
from typing import Any

import temporalio.api.enums.v1 as enums
import temporalio.api.workflowservice.v1 as ws
from google.protobuf.message import Message
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHandle, WorkflowHistory
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from harness import history as histories
from harness.raw import RawWorker
from harness.recording import Recording
from harness.scrub import Comparison, Scrubber
from harness.server import Launch, Server

UNTIL_SECONDS = 20.0
DUMPED_EVENTS_MAX = 10_000


class Order(Enum):
    """What of a history is the same in each run, and so can be compared between servers."""

    FIXED = "everything"
    TIMING = "which events there are, and how often, but for workflow tasks"
    CHANCE = "nothing: the scenario draws lots"
    OWN = "nothing: Temporal's server has nothing like it"


class Scenario:
    def __init__(self, name: str, launch: Launch, address: str, dump: str | None, recording: Recording) -> None:
        self.name = name.removeprefix("test_")
        self.launch = launch
        self.address = address
        self.namespace = "default"
        self.nonce = uuid.uuid4().hex[:8]
        self.workflows: dict[str, type] = {}
        self.server: Server | None = None
        self.notes: list[str] = []
        self._dump = Path(dump) / self.name if dump else None
        self._scrub = Scrubber(self.nonce)
        self._comparison = Comparison(self.nonce)
        self._histories = 0
        self._refusals: list[dict[str, Any]] = []
        self._recording = recording
        self._closing = AsyncExitStack()

    # Life

    async def open(self, own_server: bool) -> None:
        if own_server:
            self.server = self.launch.server(to_be_killed=True)
            self._closing.callback(self.server.dispose)
            await self.server.start()
            self.address = self.server.address
        self.client = await Client.connect(self.address, namespace=self.namespace)

    async def close(self) -> None:
        if self._refusals:
            self.dump("refusals", self._refusals)
        await self._closing.aclose()

    async def restart_server(self, dead: bool = False) -> None:
        """kill -9 and a new start; comes back when this scenario's own client has found the server again."""
        assert self.server is not None, "this scenario has no server of its own"
        if not dead:
            self.server.kill()
        await self.server.start()

        async def found() -> bool:
            try:
                return bool(await self.service.get_system_info(ws.GetSystemInfoRequest()))
            except RPCError:
                return False

        await self.until(found, "the client to find the server again")

    def assert_complete(self) -> None:
        self._recording.assert_complete(self.name)
        assert self._histories, "this scenario asserts no history"
        assert self._refusals, "this scenario asserts no refusal"

    def note(self, text: str) -> None:
        """Said at the end of the run, whether the scenario passes or not: seeds, what a load came to."""
        self.notes.append(text)

    # Names

    def id(self, suffix: str = "") -> str:
        """A workflow id that no other scenario and no earlier run of this one has used."""
        return f"{self.name}-{self.nonce}{'-' + suffix if suffix else ''}"

    @property
    def queue(self) -> str:
        return f"queue-{self.nonce}"

    # Workers

    @asynccontextmanager
    async def worker(
        self, *workflows: type, activities: Sequence[Callable] = (), queue: str | None = None, **options: Any
    ) -> AsyncIterator[Worker]:
        for workflow in workflows:
            definition = getattr(workflow, "__temporal_workflow_definition")
            self.workflows[definition.name] = workflow
        worker = Worker(
            options.pop("client", self.client),
            task_queue=queue or self.queue,
            workflows=list(workflows),
            activities=list(activities),
            # Scenarios are deterministic by review; the sandbox would import them anew for each run.
            workflow_runner=UnsandboxedWorkflowRunner(),
            **options,
        )
        async with worker:
            yield worker

    def raw(self, queue: str | None = None, identity: str = "raw") -> RawWorker:
        """A worker without an SDK: the scenario itself decides what it answers."""
        return RawWorker(self.service, self.namespace, queue or self.queue, f"{identity}-{self.nonce}")

    # Calls

    @property
    def service(self):
        return self.client.workflow_service

    async def start(self, workflow: Any, *args: Any, id: str | None = None, **options: Any) -> WorkflowHandle:
        options.setdefault("task_queue", self.queue)
        return await self.client.start_workflow(workflow, args=args, id=id or self.id(), **options)

    def start_request(self, id: str | None = None, **fields: Any) -> ws.StartWorkflowExecutionRequest:
        request = ws.StartWorkflowExecutionRequest(
            namespace=self.namespace,
            workflow_id=id or self.id(),
            identity="raw-client",
            request_id=str(uuid.uuid4()),
        )
        request.workflow_type.name = "Raw"
        request.task_queue.name = self.queue
        return with_fields(request, fields)

    async def start_raw(self, id: str | None = None, **fields: Any) -> ws.StartWorkflowExecutionResponse:
        return await self.service.start_workflow_execution(self.start_request(id, **fields))

    async def signal_raw(self, name: str, id: str | None = None, **fields: Any) -> None:
        request = ws.SignalWorkflowExecutionRequest(
            namespace=self.namespace,
            workflow_execution=WorkflowExecution(workflow_id=id or self.id()),
            signal_name=name,
            identity="raw-client",
            request_id=str(uuid.uuid4()),
        )
        await self.service.signal_workflow_execution(with_fields(request, fields))

    async def describe(self, id: str | None = None, run_id: str = "") -> ws.DescribeWorkflowExecutionResponse:
        return await self.service.describe_workflow_execution(
            ws.DescribeWorkflowExecutionRequest(
                namespace=self.namespace,
                execution=WorkflowExecution(workflow_id=id or self.id(), run_id=run_id),
            )
        )

    async def events(self, id: str | None = None, run_id: str = "") -> list[HistoryEvent]:
        """The whole history, page by page."""
        events: list[HistoryEvent] = []
        token = b""
        while True:
            page = await self.service.get_workflow_execution_history(
                ws.GetWorkflowExecutionHistoryRequest(
                    namespace=self.namespace,
                    execution=WorkflowExecution(workflow_id=id or self.id(), run_id=run_id),
                    next_page_token=token,
                ),
                # What tools send: the server then leaves out the workflow task that is under way but not yet written.
                metadata={"client-name": "temporal-cli"},
                retry=True,
            )
            events += page.history.events
            token = page.next_page_token
            if not token:
                return events

    # Waiting

    async def until(self, condition: Callable[[], Awaitable[Any]], what: str, seconds: float = UNTIL_SECONDS) -> Any:
        """Polls until the condition gives something true, and gives that back."""
        deadline = time.monotonic() + seconds
        while True:
            found = await condition()
            if found:
                return found
            assert time.monotonic() < deadline, f"still waiting after {seconds} s: {what}"
            await asyncio.sleep(0.03)

    async def until_event(self, name: str, id: str | None = None, run_id: str = "", count: int = 1) -> HistoryEvent:
        """Waits for the count-th event of that type."""

        async def found() -> HistoryEvent | None:
            matching = [e for e in await self.events(id, run_id) if histories.type_name(e) == name]
            return matching[count - 1] if len(matching) >= count else None

        return await self.until(found, f"{name} number {count} of {id or self.id()}")

    async def until_closed(self, id: str | None = None, run_id: str = "") -> ws.DescribeWorkflowExecutionResponse:
        async def closed() -> ws.DescribeWorkflowExecutionResponse | None:
            answer = await self.describe(id, run_id)
            running = enums.WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING
            return answer if answer.workflow_execution_info.status != running else None

        return await self.until(closed, f"{id or self.id()} to close")

    # Assertions

    async def assert_history(
        self,
        of: WorkflowHandle | str | None,
        expected: str,
        run_id: str = "",
        replay: bool = True,
        order: Order = Order.FIXED,
    ) -> list[HistoryEvent]:
        """The exact sequence of event types; also dumps the history and has the SDK replay it."""
        if isinstance(of, WorkflowHandle):
            of, run_id = of.id, run_id or of.run_id or of.result_run_id or ""
        workflow_id = of or self.id()
        events = await self.events(workflow_id, run_id)
        if order is not Order.OWN:
            self._histories += 1
            self._dump_history(events, order)
        histories.compare(histories.types(events), histories.parse(expected))
        histories.check(events)
        started = events[0].workflow_execution_started_event_attributes
        workflow = self.workflows.get(started.workflow_type.name)
        if workflow is not None and replay:
            await histories.replay([workflow], WorkflowHistory(workflow_id, events))
        return events

    def _dump_history(self, events: list[HistoryEvent], order: Order) -> None:
        if len(events) > DUMPED_EVENTS_MAX:
            return
        for event in events:
            # Gives its ids their numbers, for the texts of refusals.
            self._scrub.message(event)
        if order is Order.FIXED:
            self.dump(f"history-{self._histories}", [self._comparison.message(event) for event in events])
        elif order is Order.TIMING:
            names = (name for name in histories.types(events) if not name.startswith("WorkflowTask"))
            self.dump(f"events-{self._histories}", Counter(names))

    async def refused(
        self,
        call: Awaitable[Any],
        code: str,
        message: str | None = None,
        detail: str | None = None,
        own_words: bool = False,
    ) -> RPCError:
        """The call fails with this gRPC code, this text, and this message of Temporal's as the first error detail.

        Where text and detail are not given they must be those that were recorded from Temporal. With `own_words` the
        text may be another, which is right where Temporal's speaks of its own insides.
        """
        refusal = await error_of(call)
        found = {
            "code": refusal.status.name,
            "message": self._scrub.text(refusal.message),
            "details": [d.type_url.rsplit(".", 1)[-1] for d in refusal.grpc_status.details],
        }
        self._refusals.append({**found, "message": "(own words)"} if own_words else found)
        assert found["code"] == code, f"{found['code']} instead of {code}: {refusal.message}"
        if message is not None:
            assert refusal.message == message
        if detail is not None:
            assert found["details"][:1] == [detail]
        self.same(f"refusal {len(self._refusals)}", {**found, "message": None} if own_words else found)
        return refusal

    def refused_otherwise(self, text: str, own_words: bool = False) -> None:
        """A refusal that did not come as an answer to a call of ours: what a tool made of one."""
        text = self._scrub.text(text)
        self._refusals.append({"text": "(own words)" if own_words else text})
        self.same(f"refusal {len(self._refusals)}", None if own_words else text)

    def plain(self, message: Message) -> Any:
        """A message without what differs from run to run."""
        return self._scrub.message(message)

    def same(self, label: str, fact: Any) -> None:
        """The same as Temporal's server: equal to what was recorded from it under this label."""
        self._recording.same(self.name, label, fact)

    def record(self, label: str, message: Message) -> None:
        """Keeps an answer beside the histories, for comparison between servers by hand."""
        self.dump(label, self._scrub.message(message))

    def dump(self, label: str, content: Any) -> None:
        if self._dump:
            self._dump.mkdir(parents=True, exist_ok=True)
            (self._dump / f"{label}.json").write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


async def error_of(call: Awaitable[Any]) -> RPCError:
    try:
        answer = await call
    except RPCError as error:
        return error
    except Exception as error:
        if isinstance(error.__cause__, RPCError):
            return error.__cause__
        raise
    raise AssertionError(f"expected a refusal, but the call was answered: {answer}")


def with_fields(request: Any, fields: dict[str, Any]) -> Any:
    """Sets fields by name: messages are merged, everything else replaces what stood there."""
    for name, value in fields.items():
        if isinstance(value, Message):
            getattr(request, name).CopyFrom(value)
        elif isinstance(value, dict):
            with_fields(getattr(request, name), value)
        else:
            setattr(request, name, value)
    return request


def detail_of(error: RPCError, message: Message) -> Any:
    """The first error detail, as the message that Temporal says it is."""
    assert error.grpc_status.details, f"no details on {error.status.name}: {error.message}"
    assert error.grpc_status.details[0].Unpack(message), f"the detail is a {error.grpc_status.details[0].type_url}"
    return message
