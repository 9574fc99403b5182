"""In CI nothing is skipped: a test that would be, fails and says what it lacks.

Elsewhere a test may lack root or a tool and is skipped, with the reason in the summary. An expected
failure (``xfail``) is no skip.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Generator
from typing import Union

import pytest

from asymgen import records

# Before any record is made: what mypy does not see, Python refuses here.
records.compile_init = dataclasses.dataclass(frozen=True, eq=False, repr=False)

Report = Union[pytest.TestReport, pytest.CollectReport]


def _fail_if_skipped(report: Report) -> None:
    if os.environ.get("CI", "").lower() not in ("true", "1") or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"{report.nodeid}: skipped, which CI does not allow: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that skips itself, or has a skip mark."""
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A module that skips itself while it is imported (``importorskip``)."""
    report = yield
    _fail_if_skipped(report)
    return report
