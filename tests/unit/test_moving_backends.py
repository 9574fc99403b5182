"""From one backend to another: the run that writes the new one's files takes the old one's away."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from asymgen.backends import BACKENDS
from asymgen.cli.detect import doubled_rules
from asymgen.detection import Detection, detect
from asymgen.model import Kept
from asymgen.parse import parse_host
from asymgen.system.files import write_files
from tests.case_files import CASES, choices_of

[CASE] = [case for case in CASES if case.name == "one-subnet"]
FILES = {name: f"10-{name}.network" for name in ("eth0", "eth1")}


def detected(backend: str) -> Detection:
    files = FILES if backend == "systemd-networkd" else {}
    choices = replace(choices_of(CASE), backends={"": backend}, network_files=files)
    return detect(parse_host(CASE.snapshot), choices, Kept())


def below(root: Path) -> set[str]:
    return {f"/{path.relative_to(root)}" for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("old, new", list(itertools.permutations(BACKENDS, 2)))
def test_old_files_go_in_the_same_run(old: str, new: str, tmp_path: Path) -> None:
    write_files(tmp_path, detected(old).files)
    assert any(Path(path).match(str(BACKENDS[old].MARK)) for path in below(tmp_path))
    write_files(tmp_path, detected(new).files)
    own = {str(file.path) for file in detected(new).files}
    assert {path for path in below(tmp_path) if not path.startswith("/var/lib/asymgen/")} == own
    assert not any(Path(path).match(str(BACKENDS[old].MARK)) for path in below(tmp_path))


@pytest.mark.parametrize("new, doubled", [("systemd-networkd", True), ("ifupdown", False), ("networkmanager", False)])
def test_rules_of_a_script_would_stand_beside_networkds(new: str, doubled: bool) -> None:  # noqa: FBT001
    """The same rule with another protocol is another rule: the kernel takes both."""
    made = detected(new)
    assert not doubled_rules(made)
    live = replace(made, host=replace(made.host, rules=(*made.host.rules, *made.state.rules)))
    assert doubled_rules(live) is doubled
