"""Answers that leave by a way that they should not, kept by what they share. Pure.

Ten thousand addresses of an uplink are wrong in the same way to the same few dozen destinations. What is kept are
those addresses and those destinations; each pair of them is a Problem, made while somebody looks at it.
"""

from __future__ import annotations

from collections.abc import Iterator

from asymgen.model import Address
from asymgen.records import record


@record
class Problem:
    """An answer that leaves by a way that it should not. ``actual``/``expected`` are ways in words."""

    source: Address
    destination: Address
    actual: str
    expected: str


@record
class WrongAnswer:
    """A Problem without its source."""

    destination: Address
    actual: str
    expected: str


@record
class WrongAnswers:
    """What is wrong for each of ``sources`` alike."""

    sources: tuple[Address, ...]
    answers: tuple[WrongAnswer, ...]

    def by_way(self) -> dict[tuple[str, str], list[Address]]:
        """The destinations of each actual and expected way."""
        found: dict[tuple[str, str], list[Address]] = {}
        for answer in self.answers:
            found.setdefault((answer.actual, answer.expected), []).append(answer.destination)
        return found


@record
class Problems:
    """All Problems of a host; false where there is none."""

    groups: tuple[WrongAnswers, ...] = ()

    def __iter__(self) -> Iterator[Problem]:
        for group in self.groups:
            for answer in group.answers:
                for source in group.sources:
                    yield Problem(source, answer.destination, answer.actual, answer.expected)

    def __bool__(self) -> bool:
        return bool(self.groups)

    def __len__(self) -> int:
        return sum(len(group.sources) * len(group.answers) for group in self.groups)
