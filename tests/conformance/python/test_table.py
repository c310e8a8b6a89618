"""The table of what the suites say: it must show every kind of difference. Needs no server."""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).resolve().parent.parent


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The runner of all suites, with a table of its own that says: all passed."""
    monkeypatch.syspath_prepend(HERE)
    spec = importlib.util.spec_from_file_location("all_suites", HERE / "all.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "STATUS", tmp_path / "status.toml")
    assert module.compare(all_passed(), write=True) == []
    return module


def all_passed() -> dict[str, dict[str, str]]:
    common = tomllib.loads((HERE / "scenarios.toml").read_text())
    said = {sdk: dict.fromkeys(common, "pass") for sdk in ("rust", "go", "typescript", "java", "weft")}
    return {"python": dict.fromkeys((test for it in common.values() for test in it["python"]), "pass"), **said}


def test_a_run_that_says_the_same_is_fine(runner: ModuleType):
    assert runner.compare(all_passed(), write=False) == []


@pytest.mark.parametrize(
    ("sdk", "name", "reason"),
    [
        ("go", "a_timer_fires", None),
        ("python", "test_start.py::test_hello", None),
        ("rust", "a_run_times_out", 'it "ended"'),
    ],
)
def test_a_scenario_that_fails_or_is_gone_is_a_difference(
    runner: ModuleType, sdk: str, name: str, reason: str | None, capsys: pytest.CaptureFixture[str]
):
    said = all_passed()
    if reason is None:
        del said[sdk][name]
    else:
        said[sdk][name] = reason
    complaints = runner.compare(said, write=False)
    assert len(complaints) == 1 and complaints[0].startswith("status.toml is not what this run says")
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("+") and "{" in line]
    assert shown and all((reason or f"there is no {name}").replace('"', '\\"') in line for line in shown)
    # What is written can be read.
    runner.compare(said, write=True)
    assert len(tomllib.loads(runner.STATUS.read_text())["scenarios"]) >= runner.SCENARIOS_MIN


def test_a_scenario_that_the_list_does_not_know_is_named(runner: ModuleType):
    said = all_passed()
    said["typescript"]["a_new_one"] = "pass"
    assert runner.compare(said, write=False) == ["typescript plays a_new_one, which scenarios.toml does not know"]


def test_only_what_temporal_does_is_a_scenario(runner: ModuleType, capsys: pytest.CaptureFixture[str]):
    assert runner.not_temporals(all_passed()) == []
    said = all_passed()
    del said["go"]["a_timer_fires"]
    said["typescript"]["a_timer_survives_the_server"] = "it did not"
    assert runner.not_temporals(said) == ["go: a_timer_fires is not what Temporal does: there is no a_timer_fires"]
    assert "typescript: a_timer_survives_the_server did not survive" in capsys.readouterr().out


def test_what_our_sdk_cannot_play_is_told_in_the_table_and_no_fault_of_a_server(runner: ModuleType):
    said = all_passed()
    said["weft"]["a_timer_fires"] = f"{runner.ABSENT}no timers"
    assert runner.not_temporals(said) == []
    runner.compare(said, write=True)
    assert tomllib.loads(runner.STATUS.read_text())["scenarios"]["a_timer_fires"]["weft"] == "not in this SDK: no timers"
    said["go"]["a_timer_fires"] = "not done"
    assert len(runner.not_temporals(said)) == 1


def test_each_suite_is_told_which_server_it_runs_against(runner: ModuleType):
    against = runner.Against("oracle-bin", Path("/bin/temporal"))
    for sdk, command in runner.SUITES.items():
        words = command(against, Path("/bin/wfctl"), Path("/results"))
        option = "-oracle-bin" if sdk == "go" else "--oracle-bin"
        assert words[words.index(option) + 1] == "/bin/temporal", words
        assert not any(word.endswith("server-bin") for word in words), words
