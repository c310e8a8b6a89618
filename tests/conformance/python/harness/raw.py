"""A worker without an SDK: polls tasks and answers them with exactly the commands that a scenario wants.

It answers only what it is told to, so a scenario can hold a task, answer it twice, or answer nonsense.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import temporalio.api.command.v1 as command
import temporalio.api.enums.v1 as enums
import temporalio.api.workflowservice.v1 as ws
from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import ActivityType, Payload, Payloads, WorkflowExecution, WorkflowType
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.protocol.v1 import Message
from temporalio.api.taskqueue.v1 import StickyExecutionAttributes, TaskQueue

POLL_SECONDS = 15


def payload(value: Any) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(value).encode())


def payloads(*values: Any) -> Payloads:
    return Payloads(payloads=[payload(value) for value in values])


def seconds(value: float) -> Duration:
    duration = Duration()
    duration.FromTimedelta(timedelta(seconds=value))
    return duration


def failure(message: str = "no", type: str = "Planned", non_retryable: bool = False) -> Failure:
    return Failure(
        message=message,
        source="raw",
        application_failure_info=ApplicationFailureInfo(type=type, non_retryable=non_retryable),
    )


def _command(kind: str, **fields: Any) -> command.Command:
    number = enums.CommandType.Value(f"COMMAND_TYPE_{kind.upper()}")
    return command.Command(command_type=number, **fields)


def complete_workflow(*result: Any) -> command.Command:
    attributes = command.CompleteWorkflowExecutionCommandAttributes(result=payloads(*result) if result else None)
    return _command("complete_workflow_execution", complete_workflow_execution_command_attributes=attributes)


def fail_workflow(cause: Failure | None = None) -> command.Command:
    attributes = command.FailWorkflowExecutionCommandAttributes(failure=cause or failure())
    return _command("fail_workflow_execution", fail_workflow_execution_command_attributes=attributes)


def cancel_workflow() -> command.Command:
    attributes = command.CancelWorkflowExecutionCommandAttributes()
    return _command("cancel_workflow_execution", cancel_workflow_execution_command_attributes=attributes)


def continue_as_new(**fields: Any) -> command.Command:
    attributes = command.ContinueAsNewWorkflowExecutionCommandAttributes(**fields)
    return _command(
        "continue_as_new_workflow_execution", continue_as_new_workflow_execution_command_attributes=attributes
    )


def start_timer(timer_id: str, after: float) -> command.Command:
    attributes = command.StartTimerCommandAttributes(timer_id=timer_id, start_to_fire_timeout=seconds(after))
    return _command("start_timer", start_timer_command_attributes=attributes)


def cancel_timer(timer_id: str) -> command.Command:
    return _command(
        "cancel_timer", cancel_timer_command_attributes=command.CancelTimerCommandAttributes(timer_id=timer_id)
    )


def marker(name: str, **details: Any) -> command.Command:
    attributes = command.RecordMarkerCommandAttributes(
        marker_name=name, details={key: payloads(value) for key, value in details.items()}
    )
    return _command("record_marker", record_marker_command_attributes=attributes)


def schedule_activity(activity_id: str, queue: str, **fields: Any) -> command.Command:
    """Start-to-close 10 s unless the fields say otherwise; a number for a timeout is seconds, None leaves it out."""
    fields.setdefault("start_to_close_timeout", 10)
    for name, value in list(fields.items()):
        if value is None:
            del fields[name]
        elif name.endswith("_timeout"):
            fields[name] = seconds(value)
    attributes = command.ScheduleActivityTaskCommandAttributes(
        activity_id=activity_id,
        activity_type=ActivityType(name=fields.pop("type_name", "raw-activity")),
        task_queue=TaskQueue(name=queue),
        **fields,
    )
    return _command("schedule_activity_task", schedule_activity_task_command_attributes=attributes)


def cancel_activity(scheduled_event_id: int) -> command.Command:
    attributes = command.RequestCancelActivityTaskCommandAttributes(scheduled_event_id=scheduled_event_id)
    return _command("request_cancel_activity_task", request_cancel_activity_task_command_attributes=attributes)


def start_child(workflow_id: str, queue: str | None = None, **fields: Any) -> command.Command:
    """A number for a timeout is seconds."""
    for name, value in list(fields.items()):
        if name.endswith("_timeout"):
            fields[name] = seconds(value)
    attributes = command.StartChildWorkflowExecutionCommandAttributes(
        workflow_id=workflow_id, workflow_type=WorkflowType(name=fields.pop("type_name", "Kid")), **fields
    )
    if queue:
        attributes.task_queue.name = queue
    return _command("start_child_workflow_execution", start_child_workflow_execution_command_attributes=attributes)


def signal_external(workflow_id: str, name: str = "hello", run_id: str = "", **fields: Any) -> command.Command:
    attributes = command.SignalExternalWorkflowExecutionCommandAttributes(
        execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id), signal_name=name, **fields
    )
    return _command(
        "signal_external_workflow_execution", signal_external_workflow_execution_command_attributes=attributes
    )


def cancel_external(workflow_id: str, **fields: Any) -> command.Command:
    attributes = command.RequestCancelExternalWorkflowExecutionCommandAttributes(workflow_id=workflow_id, **fields)
    return _command(
        "request_cancel_external_workflow_execution",
        request_cancel_external_workflow_execution_command_attributes=attributes,
    )


def upsert_search_attributes(**values: Payload) -> command.Command:
    attributes = command.UpsertWorkflowSearchAttributesCommandAttributes()
    for name, value in values.items():
        attributes.search_attributes.indexed_fields[name].CopyFrom(value)
    return _command(
        "upsert_workflow_search_attributes", upsert_workflow_search_attributes_command_attributes=attributes
    )


def upsert_memo(**values: Payload) -> command.Command:
    attributes = command.ModifyWorkflowPropertiesCommandAttributes()
    for name, value in values.items():
        attributes.upserted_memo.fields[name].CopyFrom(value)
    return _command("modify_workflow_properties", modify_workflow_properties_command_attributes=attributes)


class RawWorker:
    def __init__(self, service: Any, namespace: str, queue: str, identity: str) -> None:
        self.service = service
        self.namespace = namespace
        self.queue = queue
        self.identity = identity

    @property
    def sticky_queue(self) -> str:
        return f"{self.identity}-sticky-{self.queue}"

    def _queue(self, sticky: bool) -> TaskQueue:
        if not sticky:
            return TaskQueue(name=self.queue)
        kind = enums.TaskQueueKind.TASK_QUEUE_KIND_STICKY
        return TaskQueue(name=self.sticky_queue, kind=kind, normal_name=self.queue)

    async def poll_once(self, sticky: bool = False, seconds: float = POLL_SECONDS) -> ws.PollWorkflowTaskQueueResponse:
        """One long poll; its answer is empty when nothing came."""
        return await self.service.poll_workflow_task_queue(
            ws.PollWorkflowTaskQueueRequest(
                namespace=self.namespace, task_queue=self._queue(sticky), identity=self.identity
            ),
            timeout=timedelta(seconds=seconds),
        )

    async def poll(self, sticky: bool = False) -> ws.PollWorkflowTaskQueueResponse:
        """The next workflow task, which must come, with its whole history."""
        deadline = time.monotonic() + POLL_SECONDS
        while time.monotonic() < deadline:
            task = await self.poll_once(sticky)
            if task.task_token:
                await self.read_rest(task)
                return task
        raise AssertionError(f"no workflow task came on {self.queue} within {POLL_SECONDS} s")

    async def read_rest(self, task: ws.PollWorkflowTaskQueueResponse) -> None:
        while task.next_page_token:
            page = await self.service.get_workflow_execution_history(
                ws.GetWorkflowExecutionHistoryRequest(
                    namespace=self.namespace,
                    execution=task.workflow_execution,
                    next_page_token=task.next_page_token,
                )
            )
            task.history.events.extend(page.history.events)
            task.next_page_token = page.next_page_token

    async def complete(
        self,
        task: ws.PollWorkflowTaskQueueResponse | bytes,
        *commands: command.Command,
        sticky: float | None = None,
        force_new: bool = False,
        return_new: bool = False,
        query_results: dict[str, Any] | None = None,
        messages: Sequence[Message] = (),
        discards: bool = False,
    ) -> ws.RespondWorkflowTaskCompletedResponse:
        """Answers a workflow task. `sticky` asks for stickiness with that schedule-to-start timeout; `discards` says
        that this worker can be shown events again after a task that left no trace."""
        request = ws.RespondWorkflowTaskCompletedRequest(
            task_token=task if isinstance(task, bytes) else task.task_token,
            commands=commands,
            identity=self.identity,
            namespace=self.namespace,
            force_create_new_workflow_task=force_new,
            return_new_workflow_task=return_new,
            query_results=query_results or {},
            messages=messages,
        )
        request.capabilities.discard_speculative_workflow_task_with_events = discards
        if sticky is not None:
            request.sticky_attributes.CopyFrom(
                StickyExecutionAttributes(
                    worker_task_queue=self._queue(sticky=True), schedule_to_start_timeout=seconds(sticky)
                )
            )
        return await self.service.respond_workflow_task_completed(request)

    async def step(self, *commands: command.Command, **options: Any) -> ws.PollWorkflowTaskQueueResponse:
        """Polls a workflow task and answers it with these commands."""
        task = await self.poll()
        await self.complete(task, *commands, **options)
        return task

    async def fail(
        self, task: ws.PollWorkflowTaskQueueResponse, cause: str = "WORKFLOW_WORKER_UNHANDLED_FAILURE"
    ) -> None:
        await self.service.respond_workflow_task_failed(
            ws.RespondWorkflowTaskFailedRequest(
                task_token=task.task_token,
                cause=enums.WorkflowTaskFailedCause.Value(f"WORKFLOW_TASK_FAILED_CAUSE_{cause}"),
                failure=failure("planned workflow task failure"),
                identity=self.identity,
                namespace=self.namespace,
            )
        )

    async def poll_activity_once(self, seconds: float = POLL_SECONDS) -> ws.PollActivityTaskQueueResponse:
        return await self.service.poll_activity_task_queue(
            ws.PollActivityTaskQueueRequest(
                namespace=self.namespace, task_queue=self._queue(False), identity=self.identity
            ),
            timeout=timedelta(seconds=seconds),
        )

    async def poll_activity(self) -> ws.PollActivityTaskQueueResponse:
        """The next activity task, which must come."""
        deadline = time.monotonic() + POLL_SECONDS
        while time.monotonic() < deadline:
            task = await self.poll_activity_once()
            if task.task_token:
                return task
        raise AssertionError(f"no activity task came on {self.queue} within {POLL_SECONDS} s")

    async def complete_activity(self, token: bytes, *result: Any) -> None:
        await self.service.respond_activity_task_completed(
            ws.RespondActivityTaskCompletedRequest(
                task_token=token, result=payloads(*result), identity=self.identity, namespace=self.namespace
            )
        )

    async def fail_activity(self, token: bytes, cause: Failure | None = None) -> None:
        await self.service.respond_activity_task_failed(
            ws.RespondActivityTaskFailedRequest(
                task_token=token, failure=cause or failure(), identity=self.identity, namespace=self.namespace
            )
        )

    async def cancel_activity(self, token: bytes, *details: Any) -> None:
        await self.service.respond_activity_task_canceled(
            ws.RespondActivityTaskCanceledRequest(
                task_token=token, details=payloads(*details), identity=self.identity, namespace=self.namespace
            )
        )

    async def heartbeat(self, token: bytes, *details: Any) -> ws.RecordActivityTaskHeartbeatResponse:
        return await self.service.record_activity_task_heartbeat(
            ws.RecordActivityTaskHeartbeatRequest(
                task_token=token, details=payloads(*details), identity=self.identity, namespace=self.namespace
            )
        )

    async def answer_query(
        self, task: ws.PollWorkflowTaskQueueResponse, result: Any = None, error: str | None = None
    ) -> None:
        kind = "FAILED" if error else "ANSWERED"
        await self.service.respond_query_task_completed(
            ws.RespondQueryTaskCompletedRequest(
                task_token=task.task_token,
                completed_type=enums.QueryResultType.Value(f"QUERY_RESULT_TYPE_{kind}"),
                query_result=None if error else payloads(result),
                error_message=error or "",
                namespace=self.namespace,
            )
        )


def execution(workflow_id: str, run_id: str = "") -> WorkflowExecution:
    return WorkflowExecution(workflow_id=workflow_id, run_id=run_id)
