"""Wrong answers are kept by what they share, and are told one by one, each when its turn comes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import click
import pytest

from asymgen.changes import Changes
from asymgen.cli.detect import show_lines
from asymgen.detection import detect
from asymgen.model import Choices, Kept
from asymgen.problems import Problem, Problems, WrongAnswer, WrongAnswers
from asymgen.report import report_lines, to_document
from tests.hosts import make_host

FIRST, SECOND, THIRD = (ipaddress.ip_address(f"192.0.2.{last}") for last in (1, 2, 3))
FAR, NEAR = ipaddress.ip_address("45.45.45.45"), ipaddress.ip_address("198.51.100.1")
TO_FAR = WrongAnswer(FAR, "eth0 via 192.0.2.254", "eth1 via 198.51.100.1")
TO_NEAR = WrongAnswer(NEAR, "eth0 directly", "eth1 directly")
SHARED = Problems((WrongAnswers((FIRST, THIRD), (TO_FAR, TO_NEAR)), WrongAnswers((SECOND,), (TO_FAR,))))


def test_each_address_and_destination_is_one_problem() -> None:
    assert list(SHARED) == [
        Problem(FIRST, FAR, "eth0 via 192.0.2.254", "eth1 via 198.51.100.1"),
        Problem(THIRD, FAR, "eth0 via 192.0.2.254", "eth1 via 198.51.100.1"),
        Problem(FIRST, NEAR, "eth0 directly", "eth1 directly"),
        Problem(THIRD, NEAR, "eth0 directly", "eth1 directly"),
        Problem(SECOND, FAR, "eth0 via 192.0.2.254", "eth1 via 198.51.100.1"),
    ]
    assert len(SHARED) == 5


def test_no_problem_is_false() -> None:
    assert not Problems()
    assert SHARED


class Walked(tuple[Any, ...]):  # noqa: SLOT001 - it has one attribute more, on purpose
    """A tuple that knows how many of its members were looked at."""

    seen = 0

    def __iter__(self) -> Iterator[Any]:
        for one in super().__iter__():
            self.seen += 1
            yield one


def test_no_report_is_made_as_a_whole() -> None:
    host = make_host(
        {"eth0": "192.0.2.10/24", "eth1": "198.51.100.10/24"},
        ["default via 192.0.2.1 dev eth0", "default via 198.51.100.1 dev eth1 metric 9"],
    )
    found, changes = detect(host, Choices(), Kept()), Changes((), None)
    for first in (
        lambda one: next(to_document(one, changes, ())["problems"]),
        lambda one: next(line for line in report_lines(one, changes) if line.startswith("  answers from")),
    ):
        groups = Walked(SHARED.groups * 1000)
        assert "192.0.2.1" in str(first(replace(found, problems=Problems(groups))))
        assert groups.seen == 1


def test_a_long_report_is_printed_while_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"line {number}" for number in range(2500)]
    made: list[str] = []
    printed: list[tuple[int, str]] = []

    def making() -> Iterator[str]:
        for line in lines:
            made.append(line)
            yield line

    monkeypatch.setattr(click, "echo", lambda text: printed.append((len(made), text)))
    show_lines(making())
    assert [at for at, _ in printed] == [1000, 2000, 2500]
    assert [line for _, text in printed for line in text.split("\n")] == lines
