"""What raw workers say to updates, and what raw clients ask for."""

from __future__ import annotations

from typing import Any

import temporalio.api.command.v1 as command
import temporalio.api.enums.v1 as enums
import temporalio.api.workflowservice.v1 as ws
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message as Body
from temporalio.api.protocol.v1 import Message
from temporalio.api.update.v1 import Acceptance, Meta, Outcome, Rejection, Request, Response
from temporalio.service import RPCError

from harness.history import TASK
from harness.raw import execution, failure, payloads
from harness.scenario import Scenario, with_fields

STARTED = f"WorkflowExecutionStarted, {TASK}"
UPDATED = f"{TASK}, WorkflowExecutionUpdateAccepted, WorkflowExecutionUpdateCompleted"
CLOSED = "workflow execution already completed"

STAGES = enums.UpdateWorkflowExecutionLifecycleStage
ADMITTED = STAGES.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED
ACCEPTED = STAGES.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED
COMPLETED = STAGES.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED


def message(update_id: str, body: Body) -> Message:
    packed = AnyMessage()
    packed.Pack(body)
    return Message(id=f"{update_id}/{type(body).__name__}", protocol_instance_id=update_id, body=packed)


def accept(update_id: str, request: Request | None = None, sequencing: int = 1) -> Message:
    return message(
        update_id,
        Acceptance(
            accepted_request_message_id=f"{update_id}/request",
            accepted_request_sequencing_event_id=sequencing,
            accepted_request=request,
        ),
    )


def reject(update_id: str) -> Message:
    return message(
        update_id, Rejection(rejected_request_message_id=f"{update_id}/request", failure=failure("not today"))
    )


def respond(update_id: str, value: Any = "done") -> Message:
    return message(
        update_id,
        Response(meta=Meta(update_id=update_id, identity="raw-client"), outcome=Outcome(success=payloads(value))),
    )


def command_for(message: Message) -> command.Command:
    """The command that gives a message its place among the others."""
    attributes = command.ProtocolMessageCommandAttributes(message_id=message.id)
    kind = enums.CommandType.COMMAND_TYPE_PROTOCOL_MESSAGE
    return command.Command(command_type=kind, protocol_message_command_attributes=attributes)


def update_request(s: Scenario, update_id: str = "u", stage: int = COMPLETED, **fields: Any):
    request = ws.UpdateWorkflowExecutionRequest(namespace=s.namespace, workflow_execution=execution(s.id()))
    request.wait_policy.lifecycle_stage = stage
    request.request.meta.update_id = update_id
    request.request.meta.identity = "raw-client"
    request.request.input.name = "raw-update"
    return with_fields(request, fields)


async def update(s: Scenario, update_id: str = "u", stage: int = COMPLETED, **fields: Any):
    return await s.service.update_workflow_execution(update_request(s, update_id, stage, **fields))


async def poll_update(s: Scenario, update_id: str = "u", stage: int = 0, id: str | None = None, **fields: Any):
    request = ws.PollWorkflowExecutionUpdateRequest(namespace=s.namespace)
    request.update_ref.workflow_execution.workflow_id = id or s.id()
    request.update_ref.update_id = update_id
    request.wait_policy.lifecycle_stage = stage
    return await s.service.poll_workflow_execution_update(with_fields(request, fields))


def outcome_of(answer: Any) -> str:
    """The result as JSON, or the failure's message."""
    if answer.outcome.HasField("failure"):
        return answer.outcome.failure.message
    return answer.outcome.success.payloads[0].data.decode()


async def ready(s: Scenario, *commands, **fields):
    """A workflow that a raw worker has looked at once."""
    raw = s.raw()
    await s.start_raw(**fields)
    await raw.step(*commands)
    return raw


async def pending(s: Scenario) -> bool:
    return (await s.describe()).HasField("pending_workflow_task")


async def admitted(s: Scenario, update_id: str) -> bool:
    try:
        return (await poll_update(s, update_id)).stage == ADMITTED
    except RPCError:
        return False
