"""Fixtures that all tests share. A test marked ``netns`` is skipped where namespaces cannot be made; the
``conftest.py`` one folder up turns every skip into a failure in CI."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.namespaces import Namespace, namespace
from tests.networkmanager_daemon import unpack


@cache
def missing_for_namespaces() -> str:
    """Why no network namespace can be made here; "" if one can."""
    if os.geteuid() != 0:
        return "needs root"
    if shutil.which("ip") is None:
        return "needs ip(8)"
    name = f"ag-{os.getpid()}-try"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        return f"cannot make a network namespace: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", name], check=True)
    return ""


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("netns") and missing_for_namespaces():
        pytest.skip(missing_for_namespaces())


@pytest.fixture
def net() -> Iterator[Namespace]:
    """A fresh network namespace with ``lo`` up; mark the test ``netns``."""
    with namespace() as made:
        yield made


@pytest.fixture(scope="session")
def networkmanager_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """NetworkManager and what it needs, unpacked: installed it would take over this machine's network."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "networkmanager"
    shared.mkdir(exist_ok=True)
    return unpack(shared)
