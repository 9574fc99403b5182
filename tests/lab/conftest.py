"""A booted machine per row of the table, in a world of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.machine import Machine, machine
from tests.lab.roots import SYSTEMS
from tests.lab.rows import ROWS, Boot, configuration
from tests.lab.world import World, world

collect_ignore = [] if os.environ.get("ASYMGEN_LAB") == "vm" else ["test_virtual_machine.py"]


def gated(row: Boot) -> object:
    """As a parameter; a system that does not gate may fail."""
    fails = pytest.mark.xfail(strict=False, reason=f"{row.system} never gates")
    return pytest.param(row, marks=() if SYSTEMS[row.system].gates else (fails,))


@pytest.fixture(params=map(gated, ROWS), ids=str)
def row(request: pytest.FixtureRequest) -> Boot:
    made: Boot = request.param
    return made


@pytest.fixture
def around(row: Boot, tmp_path: Path) -> Iterator[World]:
    with world(row.addressing, tmp_path) as made:
        yield made


@pytest.fixture
def server(row: Boot, around: World, tmp_path: Path) -> Iterator[Machine]:
    system = SYSTEMS[row.system]
    with machine(system, around, tmp_path / "machine") as made:
        configuration(row).write(made.root, is_systemd=system.is_systemd)
        made.boot()
        yield made
