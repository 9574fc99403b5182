"""Golden files: what each case's plan is, command by command, and what the backends make of a few of them.

A change of a template or of the planner shows here as a diff to be read. ``make golden`` writes them anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from asymgen.backends import BACKENDS, watcher
from asymgen.backends.shell import capabilities
from asymgen.commands_text import commands_script
from asymgen.detection import detect
from asymgen.lowering import lower
from asymgen.model import Kept, Placement
from asymgen.parse import parse_host
from asymgen.planfile import plan_text
from asymgen.planner import plan
from tests.case_files import CASES, DIRECTORY, Case, choices_of

WHOLE = ("dual-stack-static", "one-subnet")
"""Cases whose backend files are kept whole: the others would repeat the same script."""
WATCHED = "wg-quick-ahead"
"""The case whose watcher is kept."""


def golden_texts(case: Case) -> Iterator[tuple[Path, str]]:
    """Every golden file of a case: its path and what it should hold."""
    folder = DIRECTORY / case.name
    host = parse_host(case.snapshot)
    made = plan(host, choices_of(case), Kept())
    can = capabilities(host)
    yield folder / "plan.json", plan_text(made)
    yield folder / "commands.sh", commands_script(lower(made, can), undo=False, protocol=can.rule_protocol)
    if case.name == WATCHED:
        for file in watcher.render(lower(made, can), host, Placement.ADMIN):
            yield folder / "watcher" / file.path.relative_to("/"), file.text
    if case.name in WHOLE:
        for backend in BACKENDS:
            files = {uplink.interface: f"10-{uplink.interface}.network" for uplink in made.uplinks}
            named = files if backend == "systemd-networkd" else {}
            detection = detect(host, replace(choices_of(case), backends={"": backend}, network_files=named), Kept())
            for file in detection.files:
                if file.path.name != "plan.json":
                    yield folder / backend / file.path.relative_to("/"), file.text


@pytest.mark.parametrize("case", CASES, ids=str)
def test_golden_files(case: Case) -> None:
    wanted = dict(golden_texts(case))
    if os.environ.get("ASYMGEN_WRITE_GOLDEN"):
        _write(wanted)
    for path, text in wanted.items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: `make golden` writes it anew; read the diff"


def _write(wanted: dict[Path, str]) -> None:
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_no_golden_file_is_left_over() -> None:
    wanted = {path for case in CASES for path, _ in golden_texts(case)}
    made_by_hand = {"snapshot.json", "expect.json", "extra.json", "host.sh"}
    present = {path for case in CASES for path in (DIRECTORY / case.name).rglob("*") if path.is_file()}
    assert {
        path for path in present - wanted if path.parent.parent != DIRECTORY or path.name not in made_by_hand
    } == set()
