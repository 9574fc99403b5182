"""docs/benchmarks.md: tables of medians, quartiles and ratios. Nobody reads figures without the machine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bench.measure import Samples


@dataclass(frozen=True)
class Row:
    """One contender: what it cost in words, and how often the base fits into that. ``met`` is whether that is what the
    table's aim asks, None where the aim says nothing of this contender."""

    name: str
    median: str
    spread: str
    ratio: str
    met: bool | None = None


@dataclass(frozen=True)
class Table:
    """One row of the aims: what was done, the aim, and what was found."""

    title: str
    what: str
    aim: str
    rows: tuple[Row, ...]


def against(
    found: Mapping[str, Samples], base: str, *, prefix: str = "", at_most: Mapping[str, float] | None = None
) -> Iterator[Row]:
    """A row for each contender's seconds, with its ratio to ``base``, round by round. ``at_most`` are the aims."""
    for name, samples in found.items():
        ratios = samples.over(found[base])
        ratio = "1" if name == base else ratio_words(ratios)
        met = is_met(ratios, (at_most or {}).get(name))
        yield Row(f"{prefix}{name}", in_words(samples.median), spread_words(samples), ratio, met)


def is_met(ratios: Samples, at_most: float | None) -> bool | None:
    """Whether the median keeps the aim; None without one."""
    return None if at_most is None else ratios.median <= at_most


def ratio_words(ratios: Samples) -> str:
    """The median ratio, with its quartiles."""
    first, third = ratios.quartiles
    return f"**{_rounded(ratios.median)}** ({_rounded(first)} to {_rounded(third)})"


def spread_words(samples: Samples) -> str:
    """Between which seconds half of all rounds were."""
    if len(samples.values) < 2:
        return "once"
    first, third = samples.quartiles
    return f"{in_words(first)} to {in_words(third)}"


def in_words(seconds: float) -> str:
    """Seconds, as ms where that reads better."""
    return f"{_rounded(seconds * 1000)} ms" if seconds < 1 else f"{_rounded(seconds)} s"


def _rounded(value: float) -> str:
    """Three digits that count."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{round(value, digits):,.{digits}f}"


def page(tables: Iterable[Table], *, machine: Iterable[str], remarks: str) -> str:
    """The whole page."""
    found = list(tables)
    parts = [HEAD, *(f"- {line}" for line in machine), "", *_verdicts(found), "", remarks.strip(), ""]
    for table in found:
        parts += _lines(table)
    return "\n".join(parts)


def _verdicts(tables: Iterable[Table]) -> Iterator[str]:
    """First of all, what came of each aim."""
    yield from ("## The aims, and what came of them", "", "By the medians below.", "")
    yield from ("| | aim | met | missed |", "|---|---|---|---|")
    for table in tables:
        yield f"| {table.title} | {table.aim} | {_those(table, met=True)} | {_those(table, met=False)} |"


def _those(table: Table, *, met: bool) -> str:
    return "; ".join(f"{row.name}: {row.ratio.partition(' (')[0]}" for row in table.rows if row.met is met)


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
