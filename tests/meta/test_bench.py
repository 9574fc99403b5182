"""The benchmarks work: one tiny round of each, on real kernels. No figure is looked at; what a test times, fails."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from bench import detect, interface_up, package, planning, rules, sizes
from bench.measure import Samples, command, take_turns
from bench.programs import Asymgen
from bench.report import Row, Table, against, page, ratio_words
from tests.source_tree import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
HERE = Asymgen(sys.executable, str(Path(sys.executable).with_name("asymgen")))


def test_turns_are_taken_in_another_order_each_time() -> None:
    called: list[str] = []

    def figure(name: str) -> float:
        called.append(name)
        return float(len(called))

    names = ("one", "two", "three")
    found = take_turns({name: lambda name=name: figure(name) for name in names}, rounds=3)  # type: ignore[misc]
    assert called == ["one", "two", "three", "one", "two", "three", "two", "three", "one", "three", "one", "two"]
    assert found["one"].values == (4.0, 9.0, 11.0)  # the warm-up counts for nothing


def test_ratios_are_taken_round_by_round() -> None:
    mine, base = Samples((2.0, 30.0, 4.0)), Samples((1.0, 10.0, 4.0))
    assert mine.over(base).values == (2.0, 3.0, 1.0)
    assert ratio_words(mine.over(base)) == "**2.00** (1.50 to 2.50)"
    rows = list(against({"base": base, "mine": mine}, "base"))
    assert rows[0] == Row("base", "4.00 s", "2.50 s to 7.00 s", "1")
    assert rows[1] == Row("mine", "4.00 s", "3.00 s to 17.0 s", "**2.00** (1.50 to 2.50)")


@pytest.mark.parametrize(("limit", "met"), [(1.9, [None, False]), (2, [None, True]), (2.1, [None, True])])
def test_an_aim_is_met_by_the_median_ratio(limit: float, met: list[object]) -> None:
    mine, base = Samples((2.0, 30.0, 4.0)), Samples((1.0, 10.0, 4.0))
    assert [row.met for row in against({"base": base, "mine": mine}, "base", at_most={"mine": limit})] == met


def test_a_command_that_fails_has_no_figure() -> None:
    with pytest.raises(RuntimeError, match="exit code 3: nothing here"):
        command("sh", "-c", "echo nothing here >&2; exit 3")()


def test_the_page_has_a_table_for_each_aim() -> None:
    rows = (
        Row("a", "1 ms", "1 ms to 2 ms", "1"),
        Row("b", "2 ms", "", "**2.00** (1.00 to 3.00)", met=True),
        Row("c", "3 ms", "", "**3.00**", met=False),
        Row("d", "4 ms", "", "**4.00**", met=False),
    )
    table = Table("Title", "What was done.", "at most 2", rows)
    text = page([table], machine=["a machine"], remarks="Remarks.")
    assert "\n| Title | at most 2 | b: **2.00** | c: **3.00**; d: **4.00** |\n" in text
    assert text.index("| Title |") < text.index("Remarks.")
    assert "\n## Title\n\nWhat was done.\n\nAim: at most 2.\n\n" in text
    assert "\n| a | 1 ms | 1 ms to 2 ms | 1 |\n" in text


def test_the_page_in_docs_has_every_table() -> None:
    """Its figures are those of a day; its sections are those that ``make bench`` writes now."""
    titles = set(re.findall(r'^ *(?:yield Table\()?"([^"\n]+)",?', _tables_of("bench"), re.MULTILINE))
    shown = set(re.findall(r"^## (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert len(shown) >= 6
    assert shown - titles == {"What dominates", "The aims, and what came of them"}
    assert all(f"\n| {title} | " in PAGE.read_text(encoding="utf-8") for title in titles & shown)


def _tables_of(folder: str) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / folder).glob("*.py")))


@pytest.mark.netns
def test_one_tiny_round_of_each() -> None:
    tables = [
        *detect.tables(HERE, {}, quick=True),
        *sizes.tables(HERE, {}, quick=True),
        *interface_up.tables(quick=True),
        *rules.tables(quick=True),
        *planning.tables(quick=True),
        *package.tables(HERE, quick=True),
    ]
    assert len(tables) == 9
    assert all(len(table.rows) >= 2 for table in tables)
    assert all(row.ratio or (row.median and row.spread) for table in tables for row in table.rows)
    assert all(any(row.met is not None for row in table.rows) for table in tables if "Memory" not in table.title)
    [one_host] = [table for table in tables if table.title == "A package of one host"]
    bare = set(package.BARE.values()) | {f"nfpm, {form}" for form in package.BARE if len(package.BUILDERS) > 1}
    assert {row.name for row in one_host.rows if row.ratio == "1"} == bare
    assert len(one_host.rows) == 2 * len(bare)
