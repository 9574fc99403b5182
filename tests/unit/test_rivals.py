"""Cloud agents that would fight: found by the probe and by the script's collection, named in the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from asymgen.detection import detect
from asymgen.model import Choices, Kept, Managers
from asymgen.rivals import find_rivals
from asymgen.snapshot_script import LINKS, PRESENT
from asymgen.system.host_files import HostFiles
from asymgen.system.rivals import SILENCED, TRACES, read_rivals
from tests.hosts import make_host


def lay_out(root: Path, *paths: str, link: str = "") -> HostFiles:
    for path in paths:
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    if link:
        place = root / link.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to("/dev/null")
    return HostFiles(root)


@pytest.mark.parametrize("name, path", [(name, path) for name, paths in TRACES.items() for path in paths])
def test_any_trace_shows_the_tool(tmp_path: Path, name: str, path: str) -> None:
    assert read_rivals(lay_out(tmp_path, path)) == [name]


@pytest.mark.parametrize("link", LINKS[-5:])
def test_masked_units_do_not_fight(tmp_path: Path, link: str) -> None:
    [name] = [name for name, paths in SILENCED.items() if link in paths]
    assert read_rivals(lay_out(tmp_path, TRACES[name][0], link=link)) == []


@pytest.mark.parametrize("path", SILENCED["cloud-init"])
def test_cloud_init_that_was_told(tmp_path: Path, path: str) -> None:
    assert read_rivals(lay_out(tmp_path, "/etc/netplan/50-cloud-init.yaml", path)) == []


def test_nothing_on_a_plain_host(tmp_path: Path) -> None:
    assert read_rivals(HostFiles(tmp_path)) == []


def test_script_asks_for_all_of_it() -> None:
    asked = {path for paths in TRACES.values() for path in paths} | {
        path for paths in SILENCED.values() for path in paths
    }
    assert asked <= {*PRESENT, *LINKS}


def test_each_is_named_with_what_to_do() -> None:
    host = make_host(
        {"eth0": "192.0.2.10/24", "eth1": "198.51.100.10/24"},
        ["default via 192.0.2.1 dev eth0", "default via 198.51.100.1 dev eth1 metric 9"],
    )
    quiet = detect(host, Choices(backends={"": "sysv"}), Kept()).notes
    host = replace(host, managers=Managers(rivals=(*TRACES, "something-newer")))
    notes = detect(host, Choices(backends={"": "sysv"}), Kept()).notes
    added = [note for note in notes if note not in quiet]
    assert [note.split(" ")[0] for note in added] == list(TRACES)
    assert [one.name for one in find_rivals(host)] == list(TRACES)
    assert all(one.what_to_do and one.why for one in find_rivals(host))
