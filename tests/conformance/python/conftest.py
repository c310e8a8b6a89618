"""pytest's side of the suite: options, and the hook that gives every `async def test_…(s)` to the pool."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.pool import Pool, is_scenario
from harness.recording import Recording
from harness.server import Launch


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance")
    group.addoption("--address", help="HOST:PORT of a server that is already running")
    group.addoption("--server-bin", help="a weft-server binary; the suite starts and kills it")
    group.addoption("--oracle-bin", help="a `temporal` CLI binary; the suite starts and kills its dev server")
    group.addoption("--wfctl-bin", help="the wfctl whose JSON histories are replayed; without it that scenario fails")
    group.addoption("--cli-bin", help="Temporal's own command line; without it the scenarios that use it fail")
    group.addoption("--server-arg", action="append", default=[], help="one more argument for the server")
    group.addoption("--dump", help="directory for the normalised histories and refusals of each scenario")
    group.addoption("--results", help="file for the outcome of each test")
    group.addoption("--record", action="store_true", help="keep the oracle's answers in recorded.json")


def pytest_configure(config: pytest.Config) -> None:
    launch = Launch(
        address=config.getoption("--address"),
        server_bin=config.getoption("--server-bin"),
        oracle_bin=config.getoption("--oracle-bin"),
        wfctl_bin=config.getoption("--wfctl-bin"),
        cli_bin=config.getoption("--cli-bin"),
        server_args=config.getoption("--server-arg"),
    )
    if not (launch.address or launch.server_bin or launch.oracle_bin):
        raise pytest.UsageError("say which server: --address, --server-bin or --oracle-bin")
    if config.getoption("--record") and not launch.is_oracle:
        raise pytest.UsageError("only the oracle's answers are recorded: --record needs --oracle-bin")
    config.pool = Pool(launch, config.getoption("--dump"), Recording(config.getoption("--record")))


    config.outcomes = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = yield
    if report.when == "call" or not report.passed:
        reason = "pass"
        if not report.passed:
            crash = getattr(report.longrepr, "reprcrash", None)
            reason = (crash.message if crash else str(report.longrepr)).splitlines()[0]
        item.config.outcomes[item.nodeid] = reason
    return report


@pytest.fixture
def s() -> None:
    """Every scenario takes `s`, its `harness.scenario.Scenario`; the pool makes it."""


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not is_scenario(pyfuncitem):
        return None
    pyfuncitem.config.pool.run(pyfuncitem, [i for i in pyfuncitem.session.items if is_scenario(i)])
    return True


def pytest_sessionfinish(session: pytest.Session) -> None:
    session.config.pool.end()
    session.config.pool.recording.save(session.config.pool.passed)
    if results := session.config.getoption("--results"):
        Path(results).write_text(json.dumps(session.config.outcomes, indent=2, sort_keys=True) + "\n")


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    slowest = sorted(config.pool.seconds.items(), key=lambda entry: -entry[1])[:8]
    terminalreporter.write_line("slowest scenarios: " + ", ".join(f"{name} {secs:.1f} s" for name, secs in slowest))
    for note in config.pool.notes:
        terminalreporter.write_line(note)
