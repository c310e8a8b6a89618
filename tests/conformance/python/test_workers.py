"""Workers: what they say of themselves, and what becomes of their polls when they go."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import temporalio.api.enums.v1 as enums
import temporalio.api.workflowservice.v1 as ws
from temporalio import workflow
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.worker.v1 import WorkerHeartbeat, WorkerHostInfo
from temporalio.client import Client
from temporalio.runtime import Runtime, TelemetryConfig

from harness.history import TASK
from harness.raw import complete_workflow
from harness.scenario import Scenario

Status = enums.WorkerStatus


@workflow.defn
class Brief:
    @workflow.run
    async def run(self) -> str:
        return "done"


async def listed(s: Scenario, query: str = "", **fields) -> ws.ListWorkersResponse:
    return await s.service.list_workers(ws.ListWorkersRequest(namespace=s.namespace, query=query, **fields))


async def keys(s: Scenario, query: str, **fields) -> list[str]:
    return sorted(it.worker_instance_key for it in (await listed(s, query, **fields)).workers)


def describe(s: Scenario, key: str):
    return s.service.describe_worker(ws.DescribeWorkerRequest(namespace=s.namespace, worker_instance_key=key))


async def test_the_sdks_workers_are_listed_while_they_live(s: Scenario):
    runtime = Runtime(telemetry=TelemetryConfig(), worker_heartbeat_interval=timedelta(seconds=1))
    client = await Client.connect(s.address, namespace=s.namespace, runtime=runtime, identity="me")
    query = f"TaskQueue = '{s.queue}'"
    async with s.worker(Brief, client=client):
        handle = await s.start(Brief)
        assert await handle.result() == "done"

        async def processed() -> WorkerHeartbeat | None:
            for it in (await listed(s, query)).workers_info:
                if it.worker_heartbeat.workflow_task_slots_info.total_processed_tasks == 1:
                    return it.worker_heartbeat
            return None

        worker = await s.until(processed, "a heartbeat after the task")
        assert (worker.worker_identity, worker.task_queue, worker.sdk_name) == ("me", s.queue, "temporal-python")
        assert worker.status == Status.WORKER_STATUS_RUNNING and worker.host_info.process_id
        [short] = (await listed(s, f"{query} AND WorkerStatus = 'Running' AND WorkerIdentity = 'me'")).workers
        assert (short.worker_instance_key, short.host_name) == (worker.worker_instance_key, worker.host_info.host_name)
        assert (await describe(s, worker.worker_instance_key)).worker_info.worker_heartbeat.task_queue == s.queue
        count = await s.service.count_workers(ws.CountWorkersRequest(namespace=s.namespace, query=query))
        assert count.count == 1
    # Its last heartbeat says that it goes; it is remembered until it has been silent for long.
    last = (await describe(s, worker.worker_instance_key)).worker_info.worker_heartbeat
    assert last.status == Status.WORKER_STATUS_SHUTTING_DOWN
    assert await keys(s, f"{query} AND WorkerStatus = 'Running'") == []
    await s.refused(describe(s, "nobody"), "NOT_FOUND")
    await s.assert_history(handle, f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionCompleted")


async def test_heartbeats_are_kept_and_filtered(s: Scenario):
    def beat(key: str, status=Status.WORKER_STATUS_RUNNING, **fields) -> WorkerHeartbeat:
        return WorkerHeartbeat(worker_instance_key=f"{key}-{s.nonce}", task_queue=s.queue, status=status, **fields)

    def record(*heartbeats: WorkerHeartbeat):
        request = ws.RecordWorkerHeartbeatRequest(namespace=s.namespace, worker_heartbeat=heartbeats)
        return s.service.record_worker_heartbeat(request)

    one = beat("a", sdk_name="temporal-go", host_info=WorkerHostInfo(host_name="left"))
    one.start_time.FromJsonString("2026-01-01T00:00:00Z")
    two = beat("b", worker_identity="two", deployment_version=WorkerDeploymentVersion(build_id="7", deployment_name="d"))
    await record(one, two, beat("c", Status.WORKER_STATUS_SHUTTING_DOWN))
    for query, expected in {
        "": "abc",
        "AND SdkName = 'temporal-go'": "a",
        "AND SdkName != 'temporal-go'": "bc",
        "AND SdkName STARTS_WITH 'temporal'": "a",
        "AND HostName IS NULL": "bc",
        "AND (HostName = 'left' OR BuildId = '7')": "ab",
        "AND DeploymentName = 'd' AND WorkerIdentity = 'two'": "b",
        "AND WorkerStatus = 'ShuttingDown'": "c",
        "AND Status = 'Running'": "ab",
        "AND StartTime BETWEEN '2025-12-31T00:00:00Z' AND '2026-01-02T00:00:00Z'": "a",
        "AND StartTime > '2025-12-31T00:00:00Z'": "a",
    }.items():
        found = await keys(s, f"TaskQueue = '{s.queue}' {query}")
        assert found == [f"{key}-{s.nonce}" for key in expected], query
    first = await listed(s, f"TaskQueue = '{s.queue}'", page_size=2)
    second = await listed(s, f"TaskQueue = '{s.queue}'", page_size=2, next_page_token=first.next_page_token)
    pages = [[it.worker_instance_key[0] for it in page.workers] for page in (first, second)]
    assert (pages, second.next_page_token) == ([["a", "b"], ["c"]], b"")
    await record(beat("a", Status.WORKER_STATUS_SHUTDOWN), beat("b", worker_identity="other"))
    assert await keys(s, f"TaskQueue = '{s.queue}'") == [f"b-{s.nonce}", f"c-{s.nonce}"]
    assert (await describe(s, f"b-{s.nonce}")).worker_info.worker_heartbeat.worker_identity == "other"
    await s.refused(describe(s, f"a-{s.nonce}"), "NOT_FOUND")
    await s.refused(listed(s, "TaskQueue = "), "INVALID_ARGUMENT", own_words=True)
    await s.start_raw()
    await s.assert_history(s.id(), "WorkflowExecutionStarted, WorkflowTaskScheduled")


async def test_the_polls_of_a_worker_that_shuts_down_end(s: Scenario):
    """Also one that comes late; other workers of the queue poll on."""

    def poll(key: str):
        return s.service.poll_workflow_task_queue(
            ws.PollWorkflowTaskQueueRequest(
                namespace=s.namespace, task_queue={"name": s.queue}, identity=key, worker_instance_key=f"{key}-{s.nonce}"
            ),
            timeout=timedelta(seconds=60),
        )

    async def pollers() -> set[str]:
        request = ws.DescribeTaskQueueRequest(namespace=s.namespace, task_queue={"name": s.queue})
        return {it.identity for it in (await s.service.describe_task_queue(request)).pollers}

    going, staying = asyncio.ensure_future(poll("going")), asyncio.ensure_future(poll("staying"))

    async def both_there() -> bool:
        return await pollers() == {"going", "staying"}

    await s.until(both_there, "both to poll")
    await s.service.shutdown_worker(
        ws.ShutdownWorkerRequest(
            namespace=s.namespace, identity="going", worker_instance_key=f"going-{s.nonce}", task_queue=s.queue
        )
    )
    for ended in (going, poll("going")):
        assert not (await asyncio.wait_for(ended, 15)).task_token
    assert await pollers() == {"staying"}
    await s.start_raw()
    task = await staying
    await s.raw().complete(task, complete_workflow())
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionCompleted")
    gone = ws.ShutdownWorkerRequest(namespace="nowhere", sticky_task_queue="q")
    await s.refused(s.service.shutdown_worker(gone), "NOT_FOUND")


async def test_an_idle_poll_that_is_served_is_one_too_many(s: Scenario):
    """What the server says of the number of polls."""
    raw = s.raw()
    poll = asyncio.ensure_future(raw.poll())
    # The wait is what is tested: nothing else makes a poll an idle one.
    await asyncio.wait([poll], timeout=1.5)
    await s.start_raw()
    task = await poll
    assert task.poller_scaling_decision.poll_request_delta_suggestion == -1
    await raw.complete(task, complete_workflow())
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionCompleted")
    await s.refused(s.signal_raw("late"), "NOT_FOUND")
