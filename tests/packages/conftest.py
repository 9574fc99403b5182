"""Tests of packages need the builders; in CI a skip is a failure (the conftest.py two folders up)."""

from __future__ import annotations

import pytest

from tests.packages.built import BACKENDS, MISSING, Result, of_case


def pytest_runtest_setup(item: pytest.Item) -> None:
    if MISSING:
        pytest.skip(f"needs {', '.join(MISSING)}")


@pytest.fixture(scope="session", params=BACKENDS)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Both packages of a host with two uplinks and both families, once for each backend."""
    return of_case("dual-stack-static", request.param, tmp_path_factory.mktemp("built"), "--with-check")
