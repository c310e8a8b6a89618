"""What is fetched for the suites must be what they trust. Needs no server."""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import tools  # noqa: E402


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> bytes:
    """A Maven of ours at Maven Central, on a machine that has none."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as files:
        member = tarfile.TarInfo(f"apache-maven-{tools.MAVEN}/bin/mvn")
        member.size = len(b"#!/bin/sh\n")
        files.addfile(member, io.BytesIO(b"#!/bin/sh\n"))
    monkeypatch.setenv("WEFT_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(tools.shutil, "which", lambda name: None)
    monkeypatch.setattr(tools.urllib.request, "urlopen", lambda address, timeout: io.BytesIO(made.getvalue()))
    return made.getvalue()


def test_a_maven_that_is_not_the_trusted_one_is_refused(archive: bytes, tmp_path: Path):
    with pytest.raises(SystemExit, match="not the file that this version of the suite trusts"):
        tools.maven()
    assert list(tmp_path.iterdir()) == []


def test_the_trusted_maven_is_fetched_once(archive: bytes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tools, "MAVEN_SHA512", hashlib.sha512(archive).hexdigest())
    fetched = tools.maven()
    assert Path(fetched).read_text() == "#!/bin/sh\n"
    monkeypatch.delattr(tools.urllib.request, "urlopen")
    assert tools.maven() == fetched


def test_the_maven_of_the_machine_is_taken_as_it_is(archive: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(tools.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert tools.maven() == "/usr/bin/mvn"
    assert list(tmp_path.iterdir()) == []
