"""Search attributes of a namespace's own: registered, set, changed, taken away; and the filter language over them.

All scenarios share one set of names, because Temporal's SQL store has room for few of each type.
"""

from __future__ import annotations

import pytest
import temporalio.api.operatorservice.v1 as op
import temporalio.api.workflowservice.v1 as ws
from google.protobuf.duration_pb2 import Duration
from temporalio import workflow
from temporalio.api.common.v1 import Payload, SearchAttributes
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from harness.history import TASK, type_name
from harness.raw import complete_workflow, continue_as_new, payload, upsert_search_attributes
from harness.scenario import Scenario

KINDS = {
    "ConfText": "TEXT",
    "ConfKeyword": "KEYWORD",
    "ConfInt": "INT",
    "ConfDouble": "DOUBLE",
    "ConfBool": "BOOL",
    "ConfDatetime": "DATETIME",
    "ConfList": "KEYWORD_LIST",
    # A word of the filter language, and a name that no word can be.
    "Order": "KEYWORD",
    "conf with spaces": "KEYWORD",
}
ONE_TASK = f"WorkflowExecutionStarted, {TASK}"
NOT_PICKED_UP = "WorkflowExecutionStarted, WorkflowTaskScheduled"
NULL = Payload(metadata={"encoding": b"binary/null"})


def kind_of(name: str) -> IndexedValueType.ValueType:
    return IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{name}")


def named(s: Scenario, namespace: str | None) -> str:
    return s.namespace if namespace is None else namespace


async def add(s: Scenario, names: dict[str, int | str], namespace: str | None = None) -> None:
    kinds = {name: kind if isinstance(kind, int) else kind_of(kind) for name, kind in names.items()}
    await s.client.operator_service.add_search_attributes(
        op.AddSearchAttributesRequest(namespace=named(s, namespace), search_attributes=kinds)
    )


async def remove(s: Scenario, *names: str, namespace: str | None = None) -> None:
    await s.client.operator_service.remove_search_attributes(
        op.RemoveSearchAttributesRequest(namespace=named(s, namespace), search_attributes=names)
    )


async def listed(s: Scenario, namespace: str | None = None) -> op.ListSearchAttributesResponse:
    return await s.client.operator_service.list_search_attributes(
        op.ListSearchAttributesRequest(namespace=named(s, namespace))
    )


def values(**given) -> SearchAttributes:
    fields = {name.replace("__", " "): v if isinstance(v, Payload) else payload(v) for name, v in given.items()}
    return SearchAttributes(indexed_fields=fields)


async def ready(s: Scenario) -> None:
    """Registers the shared names and waits until starts know them: Temporal's front ends learn of them by and by."""
    await add(s, KINDS)

    async def known() -> bool:
        try:
            await s.start_raw(s.id("probe"), search_attributes=values(ConfKeyword="probe", ConfList=["p"], Order="p"))
        except Exception:
            return False
        await s.client.get_workflow_handle(s.id("probe")).terminate()
        return True

    await s.until(known, "the search attributes to be known", 40)


async def shown(s: Scenario, query: str) -> list[str]:
    return sorted([w.id.removeprefix(s.id() + "-") async for w in s.client.list_workflows(query)])


async def find(s: Scenario, query: str, expected: list[str]) -> None:
    """Waits until a filter finds these; Weft must show them at once, Temporal's index follows."""

    async def found() -> bool:
        return await shown(s, query) == expected

    if s.launch.is_oracle:
        await s.until(found, f"{query} to find {expected}")
    assert await shown(s, query) == expected, query


async def population(s: Scenario) -> str:
    """Five runs on the scenario's own queue; gives back the filter that finds just them."""
    await ready(s)
    s_queue = f"TaskQueue = '{s.queue}' AND WorkflowId != '{s.id('probe')}'"
    own = {
        "a": values(
            ConfKeyword="red", ConfInt=1, ConfDouble=1.5, ConfBool=True, ConfText="The quick, brown FOX",
            ConfList=["a", "b"], ConfDatetime="2026-01-01T00:00:00Z", Order="x", conf__with__spaces="y",
        ),
        "b": values(
            ConfKeyword="green", ConfInt=2, ConfDouble=-2.5, ConfBool=False, ConfText="lazy dog",
            ConfList=["b", "c"], ConfDatetime="2026-06-01T12:00:00.5Z",
        ),
        "c": values(ConfKeyword="Redder", ConfInt=10, ConfDouble=3, ConfText="foxes run fast", ConfList=["c"]),
        "d": values(ConfKeyword="it's", ConfInt=-5, ConfText="quick 42"),
        "e": SearchAttributes(),
    }  # fmt: skip
    for suffix, attributes in own.items():
        await s.start_raw(s.id(suffix), search_attributes=attributes)
    await find(s, s_queue, ["a", "b", "c", "d", "e"])
    return s_queue


async def check(s: Scenario, mine: str, expected: dict[str, str]) -> None:
    wrong = {}
    for condition, ids in expected.items():
        found = "".join(await shown(s, f"{mine} AND ({condition})"))
        if found != ids:
            wrong[condition] = f"found {found!r} instead of {ids!r}"
    assert not wrong, wrong
    await s.assert_history(s.id("a"), NOT_PICKED_UP)


async def refuse(s: Scenario, mine: str, *conditions: str) -> None:
    for condition in conditions:
        request = ws.ListWorkflowExecutionsRequest(namespace=s.namespace, query=f"{mine} AND ({condition})")
        await s.refused(s.service.list_workflow_executions(request), "INVALID_ARGUMENT", own_words=True)


async def test_every_type_is_registered_set_and_shown(s: Scenario):
    mine = await population(s)
    known = await listed(s)
    assert {name: known.custom_attributes[name] for name in KINDS} == {n: kind_of(k) for n, k in KINDS.items()}
    s.same("system attributes", sorted(known.system_attributes.items()))
    # Names that are there already are skipped, whatever their type.
    await add(s, {**KINDS, "ConfInt": "KEYWORD"})
    assert (await listed(s)).custom_attributes["ConfInt"] == kind_of("INT")
    described = (await s.describe(s.id("a"))).workflow_execution_info.search_attributes.indexed_fields
    for name, kind in KINDS.items():
        assert described[name].metadata["type"].decode().upper() == kind.replace("_", ""), name
    assert described["ConfInt"].data == b"1" and described["ConfDatetime"].data == b'"2026-01-01T00:00:00Z"'
    page = await s.service.list_workflow_executions(
        ws.ListWorkflowExecutionsRequest(namespace=s.namespace, query=f"{mine} AND ConfKeyword = 'red'")
    )
    (execution,) = page.executions
    fields = execution.search_attributes.indexed_fields
    s.same("types in a list", {name: value.metadata["type"].decode() for name, value in sorted(fields.items())})
    (event, _) = await s.assert_history(s.id("a"), NOT_PICKED_UP)
    started = event.workflow_execution_started_event_attributes.search_attributes.indexed_fields
    s.same("types in history", {name: value.metadata["type"].decode() for name, value in sorted(started.items())})
    await s.refused(s.start_raw(s.id("z"), search_attributes=values(NoSuchName="x")), "INVALID_ARGUMENT")


async def test_a_start_with_a_value_of_another_type_is_refused(s: Scenario):
    await ready(s)
    for attributes in (
        values(ConfInt="5"), values(ConfInt=1.5), values(ConfInt=2.0), values(ConfInt=[1, 2]), values(ConfInt=True),
        values(ConfInt=2**63), values(ConfInt={"a": 12345678}), values(ConfDouble="1.5"), values(ConfDouble=[1.5, 2]),
        values(ConfBool="true"), values(ConfBool=1), values(ConfDatetime="soon"), values(ConfDatetime="2026-01-01"),
        values(ConfDatetime="2026-01-01T00:00:00"), values(ConfDatetime="2026-01-01 00:00:00Z"), values(ConfDatetime=5),
        values(ConfKeyword=5), values(ConfKeyword=["a", "b"]), values(ConfKeyword={"b": "x", "a": None}),
        values(ConfList="a"), values(ConfList=5), values(ConfList=["a", 5]), values(ConfText=5), values(ConfText=["a", "b"]),
        values(ConfKeyword="x" * 2047), values(StartTime="2026-01-01T00:00:00Z"),
        values(conf__with__spaces=1e21), values(ConfKeyword=0.00001), values(ConfKeyword=1234567.5),
    ):  # fmt: skip
        await s.refused(s.start_raw(s.id("bad"), search_attributes=attributes), "INVALID_ARGUMENT")
    fine = (
        values(ConfInt=[1]), values(ConfDouble=1), values(ConfBool=[True]), values(ConfKeyword=["a"]),
        values(ConfKeyword=""), values(ConfKeyword=[]), values(ConfKeyword=NULL), values(ConfList=[]),
        values(ConfList=["a", "a"]), values(ConfDatetime="2026-01-01T00:00:00.123456789+02:00"),
        values(ConfText=["one text"]), values(ConfKeyword="x" * 2046),
    )  # fmt: skip
    kept = []
    for number, attributes in enumerate(fine):
        await s.start_raw(s.id(f"fine-{number}"), search_attributes=attributes)
        info = (await s.describe(s.id(f"fine-{number}"))).workflow_execution_info
        kept.append(sorted(info.search_attributes.indexed_fields))
    s.same("what was kept", kept)
    await s.assert_history(s.id("fine-0"), NOT_PICKED_UP)


async def test_a_command_with_a_bad_value_fails_the_workflow_task(s: Scenario):
    await ready(s)
    raw = s.raw()
    await s.start_raw(search_attributes=values(ConfKeyword="kept"))
    # Only the first failure in a row is written, so something good comes between two.
    for bad in (
        values(ConfInt="x"), values(NoSuchName="x"), values(ConfList="x"), values(ConfKeyword=["a", "b"]),
        values(WorkflowType="x"),
    ):  # fmt: skip
        task = await raw.poll()
        await s.refused(raw.complete(task, upsert_search_attributes(**dict(bad.indexed_fields))), "INVALID_ARGUMENT")
        await raw.step(force_new=True)
    await s.refused(raw.complete(await raw.poll(), upsert_search_attributes()), "INVALID_ARGUMENT")
    await raw.step(upsert_search_attributes(ConfInt=payload(7)))
    failed = f"WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed, {TASK}"
    events = await s.assert_history(
        s.id(),
        "WorkflowExecutionStarted, " + ", ".join([failed] * 6) + ", UpsertWorkflowSearchAttributes",
    )
    failures = [e.workflow_task_failed_event_attributes for e in events if type_name(e) == "WorkflowTaskFailed"]
    s.same("causes", [(f.cause, f.failure.message) for f in failures])
    info = (await s.describe()).workflow_execution_info
    # Temporal adds BuildIds by itself, for a kind of versioning that it has deprecated.
    assert set(info.search_attributes.indexed_fields) - {"BuildIds"} == {"ConfInt", "ConfKeyword"}


async def test_values_that_are_too_large_end_the_workflow(s: Scenario):
    await ready(s)
    raw = s.raw()
    await s.start_raw(s.id("one"))
    task = await raw.poll()
    await s.refused(raw.complete(task, upsert_search_attributes(ConfKeyword=payload("x" * 2047))), "INVALID_ARGUMENT")
    await s.until_closed(s.id("one"))
    await s.start_raw(s.id("all"))
    task = await raw.poll()
    many = {"ConfList": payload(["x" * 200] * 200)}
    await s.refused(raw.complete(task, upsert_search_attributes(**many)), "INVALID_ARGUMENT")
    await s.until_closed(s.id("all"))
    for suffix in ("one", "all"):
        events = await s.assert_history(
            s.id(suffix), f"{NOT_PICKED_UP}, WorkflowTaskStarted, WorkflowTaskFailed, WorkflowExecutionTerminated"
        )
        s.same(f"end of {suffix}", events[-1].workflow_execution_terminated_event_attributes.reason)


async def test_an_upsert_changes_what_lists_find(s: Scenario):
    await ready(s)
    raw = s.raw()
    await s.start_raw(s.id("w"), search_attributes=values(ConfKeyword="before", ConfInt=1))
    mine = f"WorkflowId = '{s.id('w')}'"
    await find(s, f"{mine} AND ConfKeyword = 'before'", ["w"])
    await raw.step(upsert_search_attributes(ConfKeyword=payload("after"), ConfList=payload(["x", "y"])), force_new=True)
    await find(s, f"{mine} AND ConfKeyword = 'after' AND ConfList = 'y' AND ConfInt = 1", ["w"])
    await find(s, f"{mine} AND ConfKeyword = 'before'", [])
    await raw.step(upsert_search_attributes(ConfKeyword=NULL, ConfInt=payload([])), force_new=True)
    await find(s, f"{mine} AND ConfKeyword IS NULL AND ConfInt IS NULL AND ConfList IS NOT NULL", ["w"])
    await raw.step(complete_workflow())
    await find(s, f"{mine} AND ConfList = 'x' AND ExecutionStatus = 'Completed'", ["w"])
    await find(s, f"{mine} AND ConfList = 'x' AND ExecutionStatus = 'Running'", [])
    await s.assert_history(
        s.id("w"),
        f"WorkflowExecutionStarted, {TASK}, UpsertWorkflowSearchAttributes, {TASK}, UpsertWorkflowSearchAttributes,"
        f" {TASK}, WorkflowExecutionCompleted",
    )
    await refuse(s, mine, "ConfKeywort = 'x'")


async def test_keywords_are_compared_as_texts(s: Scenario):
    mine = await population(s)
    await check(s, mine, {
        "ConfKeyword = 'red'": "a", 'ConfKeyword = "red"': "a", "ConfKeyword = 'RED'": "",
        "ConfKeyword != 'red'": "bcd", "ConfKeyword <> 'red'": "bcd", "NOT ConfKeyword = 'red'": "bcd",
        "ConfKeyword IN ('red', 'green')": "ab", "ConfKeyword NOT IN ('red', 'green')": "cd",
        "ConfKeyword IS NULL": "e", "ConfKeyword IS NOT NULL": "abcd", "ConfKeyword is not null": "abcd",
        "ConfKeyword > 'green'": "ad", "ConfKeyword >= 'green' AND ConfKeyword < 'red'": "bd",
        "ConfKeyword BETWEEN 'a' AND 'h'": "b", "ConfKeyword NOT BETWEEN 'a' AND 'h'": "acd",
        "ConfKeyword STARTS_WITH 'gr'": "b", "ConfKeyword NOT STARTS_WITH 'gr'": "acd",
        "ConfKeyword starts_with ''": "abcd", "ConfKeyword = 'it''s'": "d", r"ConfKeyword = 'it\'s'": "d",
        'ConfKeyword = "it\'s"': "d", "ConfKeyword = 'red%'": "", "ConfKeyword STARTS_WITH 're_'": "",
    })  # fmt: skip
    await refuse(
        s, mine, "ConfKeyword = 5", "ConfKeyword = true", "ConfKeyword LIKE 'r%'", "ConfKeyword = NULL",
        "ConfKeyword = red", "ConfKeyword IN ()", "ConfKeyword IN 'red'", "ConfKeyword BETWEEN 'a'",
        "ConfKeyword IS 'red'", "confkeyword = 'red'", "ConfKeyword", "'red' = ConfKeyword",
    )  # fmt: skip


async def test_numbers_and_flags_are_compared(s: Scenario):
    mine = await population(s)
    await check(s, mine, {
        "ConfInt = 1": "a", "ConfInt = 1.0": "a", "ConfInt = 1.5": "", "ConfInt != 1": "bcd", "ConfInt < 2": "ad",
        "ConfInt <= 2": "abd", "ConfInt > 1": "bc", "ConfInt >= -5": "abcd", "ConfInt = -5": "d",
        "ConfInt IN (1, 2)": "ab", "ConfInt NOT IN (1, 2)": "cd", "ConfInt BETWEEN 1 AND 5": "ab",
        "ConfInt BETWEEN 5 AND 1": "", "ConfInt IS NULL": "e", "ConfInt < 99999999999999999999": "abcd",
        "ConfDouble = 1.5": "a", "ConfDouble > -3": "abc", "ConfDouble < 0": "b", "ConfDouble = 3": "c",
        "ConfDouble BETWEEN -2.5 AND 1.5": "ab", "ConfDouble IS NULL": "de", "ConfDouble > 1e0": "ac",
        "ConfBool = true": "a", "ConfBool = FALSE": "b", "ConfBool != true": "b", "ConfBool IN (true, false)": "ab",
        "ConfBool IS NULL": "cde",
    })  # fmt: skip
    await refuse(
        s, mine, "ConfInt = '1'", "ConfInt IN (1, 'x')", "ConfInt STARTS_WITH 1", "ConfDouble = 'x'",
        "ConfBool = 'yes'", "ConfBool = 1", "ConfInt BETWEEN 1", "ConfInt = true",
    )  # fmt: skip


async def test_times_and_durations_are_read(s: Scenario):
    mine = await population(s)
    # Temporal's SQLite store compares times as texts of two shapes, so equality is left out here.
    await check(s, mine, {
        "ConfDatetime > '2026-03-01T00:00:00Z'": "b", "ConfDatetime < '2026-03-01T00:00:00+05:00'": "a",
        "ConfDatetime BETWEEN '2025-12-31T00:00:00Z' AND '2026-02-01T00:00:00Z'": "a",
        "ConfDatetime NOT BETWEEN '2025-12-31T00:00:00Z' AND '2026-02-01T00:00:00Z'": "b",
        "ConfDatetime > 1772323200000000000": "b", "ConfDatetime IS NULL": "cde",
        "StartTime > '2020-01-01T00:00:00Z' AND StartTime > 5": "abcde",
        "ExecutionDuration IS NULL": "abcde", "ExecutionDuration > '1h30m'": "", "ExecutionDuration > '01:30:00'": "",
        "ExecutionDuration > '2d'": "", "ExecutionDuration > 1000": "", "ExecutionTime >= 5": "abcde",
    })  # fmt: skip
    await refuse(
        s, mine, "ConfDatetime = 'soon'", "ConfDatetime > '2026-01-01'", "ConfDatetime > '2026-01-01 00:00:00'",
        "ConfDatetime > 1.5", "ConfDatetime STARTS_WITH '2026'", "ExecutionDuration > 'x'", "StartTime < 'now'",
        "StartTime BETWEEN 5 AND 'x'",
    )  # fmt: skip


async def test_a_text_is_found_by_any_of_its_words(s: Scenario):
    mine = await population(s)
    await check(s, mine, {
        "ConfText = 'quick'": "ad", "ConfText = 'Quick'": "ad", "ConfText = 'brown dog'": "ab", "ConfText = 'fox'": "a",
        "ConfText = 'foxes'": "c", "ConfText = 'qui'": "", "ConfText = '42'": "d", "ConfText = 'quick, dog!'": "abd",
        "ConfText != 'fox'": "bcde", "ConfText != 'brown dog'": "cde", "ConfText IS NULL": "e",
        "ConfText IS NOT NULL": "abcd",
    })  # fmt: skip
    await refuse(
        s, mine, "ConfText = ''", "ConfText = 5", "ConfText > 'a'", "ConfText IN ('fox')", "ConfText STARTS_WITH 'f'",
        "ConfText BETWEEN 'a' AND 'b'", "ConfText NOT IN ('fox')",
    )  # fmt: skip


async def test_lists_of_keywords_are_sets(s: Scenario):
    mine = await population(s)
    await check(s, mine, {
        "ConfList = 'a'": "a", "ConfList = 'b'": "ab", "ConfList != 'b'": "cde", "ConfList IN ('a', 'c')": "abc",
        "ConfList NOT IN ('a')": "bcde", "ConfList NOT IN ('a', 'b')": "cde", "ConfList IS NULL": "de",
        "ConfList IS NOT NULL": "abc", "ConfList = 'b' AND ConfList = 'c'": "b", "NOT ConfList = 'a'": "bcde",
    })  # fmt: skip
    await refuse(
        s, mine, "ConfList = 5", "ConfList > 'a'", "ConfList STARTS_WITH 'a'", "ConfList NOT STARTS_WITH 'a'",
        "ConfList BETWEEN 'a' AND 'b'",
    )  # fmt: skip


async def test_conditions_are_combined_and_names_are_quoted(s: Scenario):
    mine = await population(s)
    await check(s, mine, {
        "ConfKeyword = 'red' AND ConfInt = 1 OR ConfKeyword = 'green'": "ab",
        "ConfKeyword = 'red' OR ConfKeyword = 'green' AND ConfInt = 99": "a",
        "(ConfKeyword = 'red' OR ConfKeyword = 'green') AND ConfInt = 2": "b", "((ConfKeyword = 'red'))": "a",
        "NOT (ConfKeyword = 'red' OR ConfKeyword = 'green')": "cd", "NOT ConfKeyword != 'red'": "a",
        "ConfKeyword='red'and ConfInt=1": "a", "ConfKeyword = 'red' && ConfInt = 1": "a",
        "ConfKeyword = 'red' || ConfInt = 2": "ab", "`ConfKeyword` = 'red'": "a", "`Order` = 'x'": "a",
        "`conf with spaces` = 'y'": "a", "`conf with spaces` IS NULL": "bcde",
        "ExecutionStatus = 'Running' AND NOT ConfBool IS NULL": "ab", "ExecutionStatus IN ('Running', 2)": "abcde",
        "ExecutionStatus BETWEEN 1 AND 2": "abcde", "ExecutionStatus NOT IN (1)": "", "ExecutionStatus = 'Paused'": "",
    })  # fmt: skip
    await refuse(
        s, mine, "Order = 'x'", '"conf with spaces" = \'y\'', "!(ConfInt = 1)", "ConfInt = 1 AND", "AND",
        "ConfInt = ConfDouble",
        "(ConfInt = 1", "1 = 1", "true", "ExecutionStatus = 'Sleeping'", "ExecutionStatus = 9",
        "ExecutionStatus STARTS_WITH 'Run'",
    )  # fmt: skip


async def test_executions_are_counted_by_status(s: Scenario):
    mine = await population(s)
    await s.client.get_workflow_handle(s.id("a")).terminate()
    await find(s, f"{mine} AND ConfKeyword = 'red' AND ExecutionStatus = 'Terminated'", ["a"])
    for condition, expected in {
        "": {"Running": 4, "Terminated": 1},
        " AND ConfInt > 0": {"Running": 2, "Terminated": 1},
        " AND ConfKeyword IN ('red')": {"Terminated": 1},
        " AND ConfKeyword = 'none'": {},
    }.items():
        counted = await s.client.count_workflows(f"{mine}{condition} GROUP BY ExecutionStatus")
        assert {g.group_values[0]: g.count for g in counted.groups} == expected, condition
        assert counted.count == sum(expected.values())
        assert (await s.client.count_workflows(mine + condition)).count == sum(expected.values())
    for clause in (
        "GROUP BY ExecutionStatus, ConfBool", "GROUP BY", "GROUP BY NoSuchName", "GROUP BY ConfText", "LIMIT 5",
    ):  # fmt: skip
        await s.refused(s.client.count_workflows(f"{mine} {clause}"), "INVALID_ARGUMENT", own_words=True)
    await s.assert_history(s.id("a"), f"{NOT_PICKED_UP}, WorkflowExecutionTerminated")


async def test_executions_of_a_division_are_shown_only_when_asked_for(s: Scenario):
    await ready(s)
    await s.start_raw(s.id("hidden"), search_attributes=values(TemporalNamespaceDivision="back", ConfKeyword="k"))
    await s.start_raw(s.id("shown"), search_attributes=values(ConfKeyword="k"))
    mine = f"TaskQueue = '{s.queue}' AND ConfKeyword = 'k'"
    await find(s, mine, ["shown"])
    await find(s, f"{mine} AND TemporalNamespaceDivision = 'back'", ["hidden"])
    await find(s, f"{mine} AND TemporalNamespaceDivision IS NOT NULL", ["hidden"])
    both = "TemporalNamespaceDivision IS NULL OR TemporalNamespaceDivision = 'back'"
    await find(s, f"{mine} AND ({both})", ["hidden", "shown"])
    assert (await s.client.count_workflows(mine)).count == 1
    await s.assert_history(s.id("hidden"), NOT_PICKED_UP)
    await refuse(s, mine, "TemporalNamespaceDivision = 5")


async def test_a_search_attribute_is_taken_away(s: Scenario):
    await ready(s)
    name = f"Conf-{s.nonce}"
    await add(s, {name: "KEYWORD"})
    raw = s.raw()

    async def started() -> bool:
        try:
            return bool(await s.start_raw(search_attributes=SearchAttributes(indexed_fields={name: payload("v")})))
        except Exception:
            return False

    await s.until(started, "the new name to be known", 40)
    mine = f"WorkflowId = '{s.id()}'"
    await find(s, f"{mine} AND `{name}` = 'v'", [s.id()])
    await remove(s, name, f"never-{s.nonce}")
    assert name not in (await listed(s)).custom_attributes
    await remove(s, name)

    if s.launch.is_oracle:
        await s.until(lambda: gone(s, name), "the name to be forgotten")
    await refuse(s, mine, f"`{name}` = 'v'")
    other = SearchAttributes(indexed_fields={name: payload("w")})
    await s.refused(s.start_raw(s.id("other"), search_attributes=other), "INVALID_ARGUMENT")
    task = await raw.poll()
    await s.refused(raw.complete(task, upsert_search_attributes(**{name: payload("w")})), "INVALID_ARGUMENT")
    # What a run had stays in its history; whether it is still shown differs: Weft keeps it, as it keeps the memo.
    await raw.step(complete_workflow())
    await find(s, f"{mine} AND ExecutionStatus = 'Completed'", [s.id()])
    await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed, {TASK},"
        " WorkflowExecutionCompleted",
    )


async def gone(s: Scenario, name: str) -> bool:
    try:
        await s.client.count_workflows(f"`{name}` = 'v'")
    except Exception:
        return True
    return False


async def test_names_that_cannot_be_registered_are_refused(s: Scenario):
    await s.start_raw()
    await s.assert_history(s.id(), NOT_PICKED_UP)
    for names in (
        {}, {"WorkflowId": "KEYWORD"}, {"StartTime": "INT"}, {"BatcherUser": "KEYWORD"}, {"BuildIds": "KEYWORD_LIST"},
        {"TemporalMine": "KEYWORD"}, {f"A{s.nonce}": 0}, {f"A{s.nonce}": 99},
    ):  # fmt: skip
        await s.refused(add(s, names), "INVALID_ARGUMENT")
    await s.refused(add(s, {"A": "KEYWORD"}, namespace=""), "INVALID_ARGUMENT")
    nowhere = f"nowhere-{s.nonce}"
    await s.refused(add(s, {"A": "KEYWORD"}, namespace=nowhere), "NOT_FOUND", detail="NamespaceNotFoundFailure")
    for names in ((), ("WorkflowId",), ("BuildIds",)):
        await s.refused(remove(s, *names), "INVALID_ARGUMENT")
    await s.refused(remove(s, "A", namespace=""), "INVALID_ARGUMENT")
    await s.refused(remove(s, "A", namespace=nowhere), "NOT_FOUND", detail="NamespaceNotFoundFailure")
    await s.refused(listed(s, namespace=""), "INVALID_ARGUMENT")
    await s.refused(listed(s, namespace=nowhere), "NOT_FOUND", detail="NamespaceNotFoundFailure")
    keys = (await s.service.get_search_attributes(ws.GetSearchAttributesRequest())).keys
    assert keys["WorkflowId"] == kind_of("KEYWORD") and keys["TemporalChangeVersion"] == kind_of("KEYWORD_LIST")


async def test_search_attributes_belong_to_their_namespace(s: Scenario):
    await ready(s)
    other = f"ns-{s.nonce}"
    await s.service.register_namespace(
        ws.RegisterNamespaceRequest(namespace=other, workflow_execution_retention_period=Duration(seconds=86_400))
    )
    client = await Client.connect(s.address, namespace=other)

    async def known() -> bool:
        try:
            return not (await listed(s, namespace=other)).custom_attributes
        except Exception:
            return False

    await s.until(known, "the namespace to be known", 40)

    async def usable() -> bool:
        try:
            return (await client.count_workflows("")).count == 0
        except Exception:
            return False

    await s.until(usable, "the namespace to be usable", 40)
    await s.refused(client.count_workflows("ConfKeyword = 'x'"), "INVALID_ARGUMENT", own_words=True)
    start = s.start_request(s.id(), search_attributes=values(ConfKeyword="x"))
    start.namespace = other
    await s.refused(s.service.start_workflow_execution(start), "INVALID_ARGUMENT")
    await add(s, {"ConfKeyword": "INT"}, namespace=other)
    assert (await listed(s)).custom_attributes["ConfKeyword"] == kind_of("KEYWORD")
    assert (await listed(s, namespace=other)).custom_attributes["ConfKeyword"] == kind_of("INT")
    await s.start_raw(search_attributes=values(ConfKeyword="still a keyword"))
    await s.assert_history(s.id(), NOT_PICKED_UP)


async def test_a_run_that_continues_takes_what_its_command_says(s: Scenario):
    await ready(s)
    raw = s.raw()
    first = await s.start_raw(search_attributes=values(ConfKeyword="first", ConfInt=1))
    bad = continue_as_new(search_attributes=values(ConfInt="x"))
    await s.refused(raw.complete(await raw.poll(), bad), "INVALID_ARGUMENT")
    await raw.step(continue_as_new(search_attributes=values(ConfKeyword="second")))
    await raw.step(complete_workflow())
    mine = f"WorkflowId = '{s.id()}'"
    await find(s, f"{mine} AND ConfKeyword = 'first' AND ConfInt = 1", [s.id()])
    await find(s, f"{mine} AND ConfKeyword = 'second' AND ConfInt IS NULL", [s.id()])
    await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed, {TASK},"
        " WorkflowExecutionContinuedAsNew",
        run_id=first.run_id,
    )


KEYWORD = SearchAttributeKey.for_keyword("ConfKeyword")
WORDS = SearchAttributeKey.for_keyword_list("ConfList")
NUMBER = SearchAttributeKey.for_int("ConfInt")


@workflow.defn
class Tagged:
    @workflow.run
    async def run(self) -> list[str]:
        seen = workflow.info().typed_search_attributes
        workflow.upsert_search_attributes([WORDS.value_set([seen[KEYWORD], "more"]), NUMBER.value_unset()])
        return [*workflow.info().typed_search_attributes[WORDS], str(NUMBER in workflow.info().typed_search_attributes)]


async def test_a_workflow_reads_and_writes_its_own(s: Scenario):
    await ready(s)
    async with s.worker(Tagged):
        pairs = [SearchAttributePair(KEYWORD, "mine"), SearchAttributePair(NUMBER, 3)]
        handle = await s.start(Tagged.run, search_attributes=TypedSearchAttributes(pairs))
        assert await handle.result() == ["mine", "more", "False"]
    described = (await handle.describe()).typed_search_attributes
    assert described[KEYWORD] == "mine" and list(described[WORDS]) == ["mine", "more"] and NUMBER not in described
    await find(s, f"WorkflowId = '{handle.id}' AND ConfList = 'more' AND ConfInt IS NULL", [handle.id])
    await s.assert_history(
        handle, f"WorkflowExecutionStarted, {TASK}, UpsertWorkflowSearchAttributes, WorkflowExecutionCompleted"
    )
    await s.refused(handle.signal("late"), "NOT_FOUND", "workflow execution already completed")


@pytest.mark.crash(server=True)
async def test_names_and_values_outlive_the_server(s: Scenario):
    await ready(s)
    await s.start_raw(s.id("w"), search_attributes=values(ConfKeyword="kept", ConfText="some words"))
    await s.restart_server()
    assert (await listed(s)).custom_attributes["ConfText"] == kind_of("TEXT")
    await find(s, f"TaskQueue = '{s.queue}' AND ConfText = 'words' AND ConfKeyword = 'kept'", ["w"])
    await remove(s, "ConfText")
    await s.restart_server()
    assert "ConfText" not in (await listed(s)).custom_attributes
    await s.raw().step(upsert_search_attributes(ConfKeyword=payload("changed")))
    await find(s, f"TaskQueue = '{s.queue}' AND ConfKeyword = 'changed'", ["w"])
    await s.assert_history(s.id("w"), f"{ONE_TASK}, UpsertWorkflowSearchAttributes")
    if s.launch.is_oracle:
        await s.until(lambda: gone(s, "ConfText"), "the name to be forgotten")
    await refuse(s, f"TaskQueue = '{s.queue}'", "ConfText = 'words'")
    await s.refused(add(s, {"RunId": "KEYWORD"}), "INVALID_ARGUMENT")
