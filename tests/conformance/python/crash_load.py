"""The load that goes on while the server is killed: callers that keep a ledger, and the workflow that they call.

Callers speak raw gRPC, because they must ask again with the same request id; the workflow and its activities run on the
SDK's worker. Every call is repeated until it is answered, except those that are given up on purpose, as callers do who
do not care.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import temporalio.api.workflowservice.v1 as ws
from temporalio import activity, workflow
from temporalio.api.enums.v1 import HistoryEventFilterType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.common import RetryPolicy
from temporalio.service import RPCError, RPCStatusCode

from harness.audit import END, Asked, Completion, Ledger, Outcome, Signal, as_read
from harness.raw import execution, payloads, seconds
from harness.scenario import Scenario

# A caller that lost its server asks again after so long.
AGAIN_SECONDS = 0.03
# Of signals to one workflow, at once.
SENDERS = 3
# A call that hangs is as unknown as one whose connection broke.
CALL_SECONDS = timedelta(seconds=10)
# Answers that say nothing about what has become of the call.
UNKNOWN = {
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.UNKNOWN,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.DEADLINE_EXCEEDED,
}
CLOSING_EVENT = HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT
QUICK = RetryPolicy(initial_interval=timedelta(milliseconds=100), backoff_coefficient=1.0)


@workflow.defn
class Depot:
    """Handles numbered parcels one after the other, and puts off its closing time with each; ends when it was told so."""

    def __init__(self) -> None:
        self.parcels: list[int] = []
        self.ending = False

    @workflow.run
    async def run(self, _number: int) -> list[list[int]]:
        handled: list[list[int]] = []
        while True:
            # A timer that each parcel cancels and the next wait starts anew; when it fires, it is started again.
            with contextlib.suppress(asyncio.TimeoutError):
                await workflow.wait_condition(lambda: bool(self.parcels) or self.ending, timeout=0.4)
            if self.parcels:
                handled.append(await self.handle(self.parcels.pop(0)))
            elif self.ending:
                return handled

    async def handle(self, number: int) -> list[int]:
        name = "weigh" if number % 2 else "deliver"
        answer: list[int] = await workflow.execute_activity(
            name, number, start_to_close_timeout=timedelta(seconds=3), retry_policy=QUICK
        )
        # A timer that always fires.
        await workflow.sleep(0.05 * (number % 5 + 1))
        return answer

    @workflow.signal
    def parcel(self, number: int) -> None:
        self.parcels.append(number)

    @workflow.signal
    def end(self, _number: int) -> None:
        self.ending = True


class Load:
    """Everything the callers share."""

    def __init__(self, s: Scenario, seed: int, callers: int) -> None:
        self.s = s
        self.seed = seed
        self.callers = callers
        self.ledger = Ledger()
        self.stopping = False
        # How often the server was killed, and by kind the calls that were answered and those that a kill interrupted.
        self.kills = 0
        self.answered: Counter[str] = Counter()
        self.interrupted: Counter[str] = Counter()
        self._numbers = itertools.count(1)
        self._receipts = itertools.count(1_000_001)
        self._expected: dict[str, asyncio.Future[None]] = {}
        self._completing: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until `stopping`; every workflow that was started is seen to its end."""
        await asyncio.gather(*(self._caller(caller) for caller in range(self.callers)))
        await asyncio.gather(*self._completing)

    async def goes_out(self, kind: str) -> None:
        """Comes back when the next call of that kind has gone out."""
        await self._expected.setdefault(kind, asyncio.get_running_loop().create_future())

    # The worker's side

    def activities(self) -> list[Callable]:
        return [self.weigh, self.deliver]

    @activity.defn
    async def weigh(self, number: int) -> list[int]:
        """Completed by the worker."""
        return [number, self._receipt()]

    @activity.defn
    async def deliver(self, number: int) -> list[int]:
        """Completed by a caller, so that the acknowledgement is known."""
        info = activity.info()
        completing = asyncio.create_task(self._complete(info.workflow_id, info.task_token, number))
        self._completing.add(completing)
        completing.add_done_callback(self._completed)
        activity.raise_complete_async()

    async def _complete(self, workflow_id: str, token: bytes, number: int) -> None:
        receipt = self._receipt()
        request = ws.RespondActivityTaskCompletedRequest(
            namespace=self.s.namespace, task_token=token, result=payloads([number, receipt]), identity="caller"
        )
        # An attempt that timed out meanwhile is refused, and the next one completes the activity.
        outcome = await self._ask("completion", self.s.service.respond_activity_task_completed, request, may_end=True)
        self.ledger.workflows[workflow_id].completions.append(Completion(number, receipt, outcome))

    def _completed(self, task: asyncio.Task[None]) -> None:
        # One that failed stays, for `run` to raise it.
        if task.cancelled() or task.exception() is None:
            self._completing.discard(task)

    def _receipt(self) -> int:
        receipt = next(self._receipts)
        self.ledger.receipts.add(receipt)
        return receipt

    # The callers' side

    async def _caller(self, caller: int) -> None:
        chance = random.Random(f"{self.seed} caller {caller}")
        for turn in itertools.count():
            if self.stopping:
                return
            await self._one_workflow(self.s.id(f"{caller}-{turn}"), chance)

    async def _one_workflow(self, workflow_id: str, chance: random.Random) -> None:
        asked = self.ledger.workflows[workflow_id] = Asked(next(self._numbers))
        if chance.random() < 0.5:
            await self._start(workflow_id, asked)
        else:
            await self._signal_with_start(workflow_id, asked, 0)
        senders = [random.Random(chance.random()) for _ in range(SENDERS)]
        await asyncio.gather(*(self._sender(workflow_id, asked, *each) for each in enumerate(senders)))
        await self._signal(workflow_id, asked, 0, END)
        await self._read(workflow_id, asked)
        await self._wait(workflow_id, asked)

    async def _sender(self, workflow_id: str, asked: Asked, sender: int, chance: random.Random) -> None:
        for _ in range(chance.randint(0, 3)):
            if chance.random() < 0.3:
                await self._signal_with_start(workflow_id, asked, sender)
            else:
                await self._signal(workflow_id, asked, sender, "parcel", once=chance.random() < 0.1)
            if not sender and chance.random() < 0.3:
                await self._read(workflow_id, asked)

    async def _start(self, workflow_id: str, asked: Asked) -> None:
        request = self._start_fields(ws.StartWorkflowExecutionRequest, workflow_id, asked)
        await self._ask("start", self.s.service.start_workflow_execution, request, self._started(asked))

    async def _signal_with_start(self, workflow_id: str, asked: Asked, sender: int) -> None:
        number = next(self._numbers)
        request = self._start_fields(
            ws.SignalWithStartWorkflowExecutionRequest,
            workflow_id,
            asked,
            signal_name="parcel",
            signal_input=payloads(number),
        )
        call = self.s.service.signal_with_start_workflow_execution
        outcome = await self._ask("signal with start", call, request, self._started(asked))
        asked.signals.append(Signal(sender, number, outcome))

    def _start_fields(self, request: type, workflow_id: str, asked: Asked, **more: Any) -> Any:
        filled = request(
            namespace=self.s.namespace,
            workflow_id=workflow_id,
            input=payloads(asked.number),
            workflow_task_timeout=seconds(2),
            identity="caller",
            request_id=str(uuid.uuid4()),
            **more,
        )
        filled.workflow_type.name = "Depot"
        filled.task_queue.name = self.s.queue
        return filled

    @staticmethod
    def _started(asked: Asked) -> Callable[[Any], None]:
        def started(answer: Any) -> None:
            assert asked.run_id in (None, answer.run_id), f"{asked.run_id} was acknowledged, and now {answer.run_id}"
            asked.run_id = answer.run_id

        return started

    async def _signal(self, workflow_id: str, asked: Asked, sender: int, name: str, once: bool = False) -> None:
        number = next(self._numbers)
        request = ws.SignalWorkflowExecutionRequest(
            namespace=self.s.namespace,
            workflow_execution=execution(workflow_id),
            signal_name=name,
            input=payloads(number),
            identity="caller",
            request_id=str(uuid.uuid4()),
        )
        call = self.s.service.signal_workflow_execution
        # The end may have been taken, and have ended the workflow, before its acknowledgement was lost.
        outcome = await self._ask("signal", call, request, once=once, may_end=name == END)
        asked.signals.append(Signal(sender, number, outcome))

    async def _read(self, workflow_id: str, asked: Asked) -> None:
        async def events(_request: None, **_options: Any) -> list[HistoryEvent]:
            return await self.s.events(workflow_id)

        await self._ask(
            "read", events, None, lambda answer: asked.readings.append([as_read(event) for event in answer])
        )

    async def _wait(self, workflow_id: str, asked: Asked) -> None:
        """Waits for the end as clients do, by a long poll for the closing event."""
        request = ws.GetWorkflowExecutionHistoryRequest(
            namespace=self.s.namespace,
            execution=execution(workflow_id),
            wait_new_event=True,
            history_event_filter_type=CLOSING_EVENT,
        )
        closed: list[Any] = []
        while not closed:
            await self._ask(
                "wait",
                self.s.service.get_workflow_execution_history,
                request,
                lambda answer: closed.extend(answer.history.events),
            )
        # Whatever else it ended with, the audit complains of.
        if closed[0].HasField("workflow_execution_completed_event_attributes"):
            result = closed[0].workflow_execution_completed_event_attributes.result
            [asked.result] = await self.s.client.data_converter.decode(result.payloads)

    async def _ask(
        self,
        kind: str,
        call: Callable[..., Awaitable[Any]],
        request: Any,
        heard: Callable[[Any], None] = lambda _: None,
        once: bool = False,
        may_end: bool = False,
    ) -> Outcome:
        """Asks until there is an answer, always in the same words; gives up on an unknown outcome if asked `once`."""
        lost = False
        while True:
            kills = self.kills
            if expected := self._expected.pop(kind, None):
                expected.set_result(None)
            try:
                answer = await call(request, timeout=CALL_SECONDS)
            except RPCError as error:
                if error.status in UNKNOWN:
                    lost = True
                    self.interrupted[kind] += self.kills > kills
                    if once:
                        return Outcome.UNKNOWN
                    await asyncio.sleep(AGAIN_SECONDS)
                    continue
                if may_end and error.status is RPCStatusCode.NOT_FOUND:
                    self.answered[f"refused {kind}"] += 1
                    return Outcome.UNKNOWN if lost else Outcome.REFUSED
                raise AssertionError(f"a {kind} was refused: {error.status.name}: {error}") from error
            heard(answer)
            self.answered[kind] += 1
            return Outcome.ACKNOWLEDGED
