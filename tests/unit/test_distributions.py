"""The table of docs/backends.md, by os-release files of the distributions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from asymgen.backends import choose
from asymgen.backends.distributions import default_manager
from asymgen.model import Fit, Managers
from asymgen.system.configured import shell_settings
from tests.command_line import TREE
from tests.states import HOST

FILES = sorted((TREE / "tests/os-release").iterdir())
ROW = re.compile(r"^\| `([\w-]+)` \| (?:(\d+) )?\| (?:([\w-]+) )?\| ([\w-]+) \|$")


def rows() -> Iterator[tuple[str, ...]]:
    for line in (TREE / "docs/backends.md").read_text(encoding="utf-8").splitlines():
        matched = ROW.match(line)
        if matched:
            yield matched.groups("")


def release(path: Path) -> dict[str, str]:
    return shell_settings(path.read_text(encoding="utf-8"))


def row_of(found: dict[str, str]) -> tuple[str, ...]:
    major = found.get("VERSION_ID", "").partition(".")[0]
    [row] = [row for row in rows() if row[0] == found["ID"] and row[1] in ("", major)]
    return row


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_distribution_gets_what_the_table_says(path: Path) -> None:
    _, _, manager, backend = row_of(release(path))
    host = replace(HOST, os_release=release(path), managers=Managers())
    assert default_manager(host.os_release) == manager
    chosen, reason = choose(host, "eth0", {})
    assert (chosen.NAME, reason.fit) == (backend, Fit.DISTRIBUTION_DEFAULT)


def test_every_row_has_a_file() -> None:
    shown = {row_of(release(path)) for path in FILES}
    assert set(rows()) == shown
    assert len(shown) > 10


@pytest.mark.parametrize("words, manager", [
    ({"ID": "raspbian", "ID_LIKE": "debian", "VERSION_ID": "11"}, "ifupdown"),
    ({"ID": "pop", "ID_LIKE": "ubuntu debian"}, "netplan"),  # the closest relative counts
    ({"ID": "something"}, ""),
    ({}, ""),
])  # fmt: skip
def test_relatives_and_strangers(words: dict[str, str], manager: str) -> None:
    assert default_manager(words) == manager
