"""Reading histories: pages, reverse, long polls for news, the close event, and tokens that are not ours."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import temporalio.api.enums.v1 as enums
import temporalio.api.workflowservice.v1 as ws

from harness.history import TASK, types
from harness.raw import complete_workflow, continue_as_new, execution, marker
from harness.scenario import Scenario

CLOSE_EVENT = enums.HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT


def get(s: Scenario, id: str | None = None, run_id: str = "", **fields):
    return s.service.get_workflow_execution_history(
        ws.GetWorkflowExecutionHistoryRequest(
            namespace=s.namespace, execution=execution(id if id is not None else s.id(), run_id), **fields
        ),
        timeout=timedelta(seconds=40),
    )


def get_reverse(s: Scenario, **fields):
    return s.service.get_workflow_execution_history_reverse(
        ws.GetWorkflowExecutionHistoryReverseRequest(namespace=s.namespace, execution=execution(s.id()), **fields)
    )


async def closed_with_markers(s: Scenario, count: int) -> str:
    start = await s.start_raw()
    await s.raw().step(*(marker(f"m{n}") for n in range(count)), complete_workflow())
    return start.run_id


async def test_a_history_is_read_in_pages_both_ways(s: Scenario):
    run_id = await closed_with_markers(s, 20)
    whole = await s.assert_history(
        s.id(), f"WorkflowExecutionStarted, {TASK}, MarkerRecorded*20, WorkflowExecutionCompleted"
    )
    for read in (lambda token: get(s, maximum_page_size=1, next_page_token=token), lambda token: get_reverse(
        s, maximum_page_size=1, next_page_token=token
    )):  # fmt: skip
        events, token, pages = [], b"", 0
        while True:
            page = await read(token)
            events += page.history.events
            pages += 1
            token = page.next_page_token
            if not token:
                break
        assert pages > 1 and sorted(e.event_id for e in events) == list(range(1, 26))
        if events[0].event_id != 1:
            assert [e.event_id for e in events] == list(range(25, 0, -1))
    assert [e.event_id for e in whole] == list(range(1, 26))

    first = await get(s, maximum_page_size=1)
    await s.refused(get(s, next_page_token=b"garbage"), "INVALID_ARGUMENT")
    await s.refused(get_reverse(s, next_page_token=b"garbage"), "INVALID_ARGUMENT")
    await s.refused(get(s, run_id=str(uuid.uuid4()), next_page_token=first.next_page_token), "INVALID_ARGUMENT")
    await s.refused(get(s, run_id=str(uuid.uuid4())), "NOT_FOUND", detail="NotFoundFailure")
    await s.refused(get(s, id="absent-" + s.nonce), "NOT_FOUND", detail="NotFoundFailure")
    await s.refused(get(s, id=""), "INVALID_ARGUMENT")
    assert run_id == (await s.describe()).workflow_execution_info.execution.run_id


async def test_a_long_poll_waits_for_news(s: Scenario):
    await s.start_raw()
    page = await get(s, wait_new_event=True)
    assert types(page.history.events) == ["WorkflowExecutionStarted", "WorkflowTaskScheduled"]
    assert page.next_page_token, "an open workflow always has more to tell"
    waiting = asyncio.create_task(get(s, wait_new_event=True, next_page_token=page.next_page_token))
    await s.signal_raw("news")
    page = await waiting
    assert types(page.history.events) == ["WorkflowExecutionSignaled"] and page.next_page_token
    waiting = asyncio.create_task(get(s, wait_new_event=True, next_page_token=page.next_page_token))
    await s.raw().step(complete_workflow())
    seen = []
    while True:
        page = await waiting
        seen += types(page.history.events)
        if not page.next_page_token:
            break
        waiting = asyncio.create_task(get(s, wait_new_event=True, next_page_token=page.next_page_token))
    assert seen == ["WorkflowTaskStarted", "WorkflowTaskCompleted", "WorkflowExecutionCompleted"]
    await s.assert_history(
        s.id(),
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionSignaled, WorkflowTaskStarted,"
        " WorkflowTaskCompleted, WorkflowExecutionCompleted",
    )
    await s.refused(get(s, id="absent-" + s.nonce, wait_new_event=True), "NOT_FOUND", detail="NotFoundFailure")


async def test_the_close_event_is_waited_for(s: Scenario):
    start = await s.start_raw()
    # Without waiting, an open workflow has no close event to show; Temporal finds that out only after 20 s, so it is not asked.
    waiting = asyncio.create_task(get(s, history_event_filter_type=CLOSE_EVENT, wait_new_event=True))
    await s.raw().step(continue_as_new())
    page = await waiting
    assert types(page.history.events) == ["WorkflowExecutionContinuedAsNew"] and not page.next_page_token
    page = await get(s, run_id=start.run_id, history_event_filter_type=CLOSE_EVENT)
    assert types(page.history.events) == ["WorkflowExecutionContinuedAsNew"]
    await s.raw().step(complete_workflow("second run"))
    # The SDK follows the chain from the first run to the last.
    handle = s.client.get_workflow_handle(s.id(), run_id=start.run_id)
    assert await handle.result() == "second run"
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionContinuedAsNew", start.run_id)
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionCompleted")
    await s.refused(get(s, run_id="not-a-uuid", history_event_filter_type=CLOSE_EVENT), "INVALID_ARGUMENT")


async def test_a_token_belongs_to_its_run(s: Scenario):
    """A page token names its run, so reading on is not disturbed by a new run of the same workflow id."""
    first = await closed_with_markers(s, 5)
    page = await get(s, maximum_page_size=1)
    await s.start_raw()
    events = list(page.history.events)
    token = page.next_page_token
    while token:
        page = await get(s, maximum_page_size=1, next_page_token=token)
        events += page.history.events
        token = page.next_page_token
    assert types(events)[-1] == "WorkflowExecutionCompleted"
    await s.assert_history(
        s.id(), f"WorkflowExecutionStarted, {TASK}, MarkerRecorded*5, WorkflowExecutionCompleted", first
    )
    await s.refused(get(s, id=s.id("other"), next_page_token=b"\x00\x01"), "INVALID_ARGUMENT")
