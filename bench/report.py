"""docs/benchmarks.md: tables of medians, quartiles and ratios. Nobody reads figures without the machine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bench.measure import Samples


@dataclass(frozen=True)
class Row:
    """One contender: what it cost in words, and how often the base fits into that ("" for the base itself)."""

    name: str
    median: str
    spread: str
    ratio: str


@dataclass(frozen=True)
class Table:
    """One row of the aims: what was done, the aim, and what was found."""

    title: str
    what: str
    aim: str
    rows: tuple[Row, ...]


def against(found: Mapping[str, Samples], base: str, *, prefix: str = "", unit: str = "s") -> Iterator[Row]:
    """A row for each contender, with its ratio to ``base``, round by round."""
    for name, samples in found.items():
        first, third = samples.quartiles
        spread = f"{in_words(first, unit)} to {in_words(third, unit)}"
        ratio = "1" if name == base else ratio_words(samples.over(found[base]))
        yield Row(f"{prefix}{name}", in_words(samples.median, unit), spread, ratio)


def ratio_words(ratios: Samples) -> str:
    """The median ratio, with its quartiles."""
    first, third = ratios.quartiles
    return f"**{_rounded(ratios.median)}** ({_rounded(first)} to {_rounded(third)})"


def in_words(value: float, unit: str) -> str:
    """Seconds as ms where that reads better; numbers of things with separators."""
    if unit == "s" and value < 1:
        return f"{_rounded(value * 1000)} ms"
    return f"{_rounded(value)} {unit}"


def _rounded(value: float) -> str:
    """Three digits that count."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{round(value, digits):,.{digits}f}"


def page(tables: Iterable[Table], *, machine: Iterable[str], remarks: str) -> str:
    """The whole page."""
    parts = [HEAD, *(f"- {line}" for line in machine), "", remarks.strip(), ""]
    for table in tables:
        parts += _lines(table)
    return "\n".join(parts)


def _lines(table: Table) -> Iterator[str]:
    yield from (f"## {table.title}", "", table.what, "", f"Aim: {table.aim}.", "")
    yield from ("| | median | half of all rounds | ratio |", "|---|---|---|---|")
    yield from (f"| {row.name} | {row.median} | {row.spread} | {row.ratio} |" for row in table.rows)
    yield ""


HEAD = """# What it costs

Made by `make bench`, which writes this page anew; `bench/` says how each figure is measured. Contenders take turns
within one run, so that a busy moment of the machine meets all of them; a ratio is taken round by round, and its median
stands here with the quartiles behind it. Read the ratios: the times are those of one small virtual machine. Nothing
here is a test, and no test fails by time.
"""
