"""Namespaces, the system calls, and task queues: what clients and tools ask before and beside workflows."""

from __future__ import annotations

import uuid

import temporalio.api.enums.v1 as enums
import temporalio.api.operatorservice.v1 as op
import temporalio.api.workflowservice.v1 as ws
from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import UpdateNamespaceInfo
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.client import Client
from temporalio.service import RPCError

from harness.history import TASK
from harness.raw import RawWorker, complete_workflow, execution
from harness.scenario import Scenario
from test_start import Hello, greet

DAY = Duration(seconds=86_400)


def register(s: Scenario, name: str, **fields):
    fields.setdefault("workflow_execution_retention_period", DAY)
    return s.service.register_namespace(ws.RegisterNamespaceRequest(namespace=name, **fields))


def describe(s: Scenario, **by):
    return s.service.describe_namespace(ws.DescribeNamespaceRequest(**by))


async def test_a_namespace_is_registered_and_used(s: Scenario):
    name = f"ns-{s.nonce}"
    await register(s, name, description="of a test", owner_email="a@example.com", data={"key": "value"})
    answer = await describe(s, namespace=name)
    s.record("described", answer)
    assert (answer.namespace_info.description, answer.namespace_info.owner_email) == ("of a test", "a@example.com")
    assert answer.namespace_info.state == enums.NamespaceState.NAMESPACE_STATE_REGISTERED
    assert dict(answer.namespace_info.data) == {"key": "value"}
    assert answer.config.workflow_execution_retention_ttl == DAY
    assert (await describe(s, id=answer.namespace_info.id)).namespace_info.name == name

    await s.service.update_namespace(
        ws.UpdateNamespaceRequest(namespace=name, update_info=UpdateNamespaceInfo(description="of a better test"))
    )
    assert (await describe(s, namespace=name)).namespace_info.description == "of a better test"
    names, token = [], b""
    while True:
        page = await s.service.list_namespaces(ws.ListNamespacesRequest(page_size=1, next_page_token=token))
        names += [n.namespace_info.name for n in page.namespaces]
        token = page.next_page_token
        if not token:
            break
    assert {"default", name} <= set(names) and len(names) == len(set(names))

    # Temporal's own front ends learn of a new namespace after some seconds.
    client = await Client.connect(s.address, namespace=name)

    async def usable():
        try:
            return await client.start_workflow("Raw", id=s.id(), task_queue=s.queue)
        except Exception:
            return None

    await s.until(usable, "the namespace to be usable", 40)
    await RawWorker(client.workflow_service, name, s.queue, "raw").step(complete_workflow())
    s.namespace = name
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionCompleted")
    s.namespace = "default"
    await s.refused(s.describe(), "NOT_FOUND", detail="NotFoundFailure")

    await s.service.deprecate_namespace(ws.DeprecateNamespaceRequest(namespace=name))
    state = (await describe(s, namespace=name)).namespace_info.state
    assert state == enums.NamespaceState.NAMESPACE_STATE_DEPRECATED
    await s.refused(register(s, name), "ALREADY_EXISTS", detail="NamespaceAlreadyExistsFailure")


async def test_a_namespace_that_makes_no_sense_is_refused(s: Scenario):
    await s.refused(
        register(s, f"ns-{s.nonce}", workflow_execution_retention_period=Duration(seconds=60)), "INVALID_ARGUMENT"
    )
    await s.refused(
        register(s, f"ns-{s.nonce}", workflow_execution_retention_period=Duration(seconds=-60)), "INVALID_ARGUMENT"
    )
    await s.refused(
        s.service.register_namespace(ws.RegisterNamespaceRequest(namespace=f"ns-{s.nonce}")), "INVALID_ARGUMENT"
    )
    await s.refused(register(s, ""), "INVALID_ARGUMENT")
    await s.refused(register(s, "n" * 1001), "INVALID_ARGUMENT")
    await s.refused(register(s, "default"), "ALREADY_EXISTS", detail="NamespaceAlreadyExistsFailure")
    await s.refused(describe(s, namespace="nowhere-" + s.nonce), "NOT_FOUND", detail="NamespaceNotFoundFailure")
    await s.refused(describe(s), "INVALID_ARGUMENT")
    await s.refused(
        s.service.update_namespace(ws.UpdateNamespaceRequest(namespace="nowhere-" + s.nonce)),
        "NOT_FOUND",
        detail="NamespaceNotFoundFailure",
    )
    raw = s.raw()
    raw.namespace = "nowhere-" + s.nonce
    await s.refused(raw.poll_once(), "NOT_FOUND", detail="NamespaceNotFoundFailure")
    await s.start_raw()
    await s.assert_history(s.id(), "WorkflowExecutionStarted, WorkflowTaskScheduled")


async def test_a_client_learns_what_the_server_can(s: Scenario):
    system = await s.service.get_system_info(ws.GetSystemInfoRequest())
    s.record("system", system)
    for name in (
        "signal_and_query_header", "internal_error_differentiation", "activity_failure_include_heartbeat",
        "encoded_failure_attributes", "upsert_memo", "eager_workflow_start", "sdk_metadata",
        "count_group_by_execution_status",
    ):  # fmt: skip
        assert getattr(system.capabilities, name), f"the server does not tell that it can {name}"
    assert [int(part) for part in system.server_version.split("-")[0].split(".")]
    cluster = await s.service.get_cluster_info(ws.GetClusterInfoRequest())
    s.record("cluster", cluster)
    assert cluster.cluster_id and cluster.cluster_name and cluster.server_version == system.server_version
    assert cluster.history_shard_count > 0 and cluster.persistence_store
    default = await describe(s, namespace="default")
    s.record("default", default)
    assert default.namespace_info.capabilities.eager_workflow_start
    assert await s.client.service_client.check_health()
    await s.start_raw()
    await s.assert_history(s.id(), "WorkflowExecutionStarted, WorkflowTaskScheduled")
    await s.refused(describe(s, id=str(uuid.uuid4())), "NOT_FOUND", detail="NamespaceNotFoundFailure")


async def test_a_deleted_namespace_frees_its_name_and_loses_its_workflows(s: Scenario):
    name = f"ns-{s.nonce}"
    await register(s, name)
    id = (await describe(s, namespace=name)).namespace_info.id
    client = await Client.connect(s.address, namespace=name)

    async def usable():
        try:
            return await client.start_workflow("Raw", id=s.id(), task_queue=s.queue)
        except Exception:
            return None

    await s.until(usable, "the namespace to be usable", 40)

    def delete(**by):
        return s.client.operator_service.delete_namespace(op.DeleteNamespaceRequest(**by))

    await s.refused(delete(), "INVALID_ARGUMENT")
    await s.refused(delete(namespace=name, namespace_id=id), "INVALID_ARGUMENT")
    await s.refused(delete(namespace="nowhere-" + s.nonce), "NOT_FOUND", detail="NamespaceNotFoundFailure")
    left = (await delete(namespace=name)).deleted_namespace
    assert left == f"{name}-deleted-{id[:5]}"
    await s.refused(describe(s, namespace=name), "NOT_FOUND", detail="NamespaceNotFoundFailure")
    assert name not in [n.namespace_info.name async for n in namespaces(s)]
    await register(s, name)
    assert (await describe(s, namespace=name)).namespace_info.id != id

    # In the end Temporal removes the namespace too; Weft keeps its empty shell.
    async def empty() -> bool:
        try:
            request = ws.CountWorkflowExecutionsRequest(namespace=left)
            return (await s.service.count_workflow_executions(request)).count == 0
        except RPCError:
            return True

    await s.until(empty, "the workflows to be gone", 40)
    await s.start_raw()
    await s.assert_history(s.id(), "WorkflowExecutionStarted, WorkflowTaskScheduled")


async def namespaces(s: Scenario):
    token = b""
    while True:
        page = await s.service.list_namespaces(ws.ListNamespacesRequest(next_page_token=token))
        for namespace in page.namespaces:
            yield namespace
        token = page.next_page_token
        if not token:
            return


def describe_queue(s: Scenario, name: str, kind: str = "WORKFLOW"):
    return s.service.describe_task_queue(
        ws.DescribeTaskQueueRequest(
            namespace=s.namespace,
            task_queue=TaskQueue(name=name),
            task_queue_type=enums.TaskQueueType.Value(f"TASK_QUEUE_TYPE_{kind}"),
        )
    )


async def test_a_task_queue_names_its_pollers(s: Scenario):
    async with s.worker(Hello, activities=[greet], identity="the poller"):
        handle = await s.start(Hello.run, "queue")
        await handle.result()
        for kind in ("WORKFLOW", "ACTIVITY"):

            async def polled() -> bool:
                return "the poller" in [p.identity for p in (await describe_queue(s, s.queue, kind)).pollers]

            await s.until(polled, f"the {kind} poller to be named")
        s.record("polled", await describe_queue(s, s.queue))
    await s.assert_history(
        handle,
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, ActivityTaskStarted, ActivityTaskCompleted, {TASK},"
        " WorkflowExecutionCompleted",
    )
    assert not (await describe_queue(s, "never-" + s.queue)).pollers
    await s.refused(describe_queue(s, ""), "INVALID_ARGUMENT")
    await s.refused(describe_queue(s, "q" * 1001), "INVALID_ARGUMENT")
    await s.refused(
        s.service.reset_sticky_task_queue(
            ws.ResetStickyTaskQueueRequest(namespace=s.namespace, execution=execution("absent-" + s.nonce))
        ),
        "NOT_FOUND",
        detail="NotFoundFailure",
    )
