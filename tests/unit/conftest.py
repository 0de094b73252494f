"""Unit tests start no process and do not sleep: both belong to tests/flow or tests/system."""

import subprocess
import time

import pytest


@pytest.fixture(autouse=True)
def no_processes_and_no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a unit test starts no process and does not sleep: move it to tests/flow")

    monkeypatch.setattr(subprocess.Popen, "__init__", refused)
    monkeypatch.setattr(time, "sleep", refused)
