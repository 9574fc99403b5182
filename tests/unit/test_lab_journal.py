"""docs/proof.md as the lab writes it: which table, which column, and what another run's page keeps."""

from __future__ import annotations

import pytest

from tests.lab import journal
from tests.lab.journal import Entry, report


@pytest.fixture(autouse=True)
def versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_versions", lambda: "Linux 1")


def _entry(event: str, *, system: str = "bookworm", outcome: str = "kept", part: str = "events") -> Entry:
    return Entry(system, "sysv", "static", event, outcome, 1.26, part)


def _rows(page: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith("| ")]


def test_events_stand_in_their_order_whoever_came_first() -> None:
    entries = [
        _entry("activated"), _entry("power cut"), _entry("activated", system="trixie"),
        _entry("reloaded", system="trixie", outcome="lost"), _entry("power cut", system="trixie", outcome="a word"),
    ]  # fmt: skip
    assert _rows(report(entries)) == [
        "| system | backend | addresses | activated | reloaded | power cut |",
        "| bookworm | sysv | static | 1.3 s |  | 1.3 s |",
        "| trixie | sysv | static | 1.3 s | **lost** | a word |",
    ]


def test_a_part_that_did_not_run_stays() -> None:
    first = report([_entry("activated"), _entry("by udev", part="vm")])
    assert report([_entry("by udev", part="vm")], first) == first
    other = report([_entry("rebooted")], first)
    assert "activated" not in other
    assert other.endswith(first[first.index("## A machine with a kernel of its own") :])
    assert report([_entry("activated")], other) == first
