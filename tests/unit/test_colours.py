"""Colours on a real terminal (a pseudo-terminal), and nowhere else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from asymgen.cli import colours
from tests.case_files import DIRECTORY
from tests.command_line import TREE

SNAPSHOT = str(DIRECTORY / "two-subnets" / "snapshot.json")
RED, GREEN, PLAIN = "\033[31m", "\033[32m", "\033[0m"
COLOUR = re.compile("\033\\[[0-9;]*m")


def on_terminal(*words: str, **environment: str) -> str:
    """What asymgen writes where standard output is a terminal."""
    reading, writing = os.openpty()
    given = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    argv = [sys.executable, "-m", "asymgen", *words]
    running = subprocess.Popen(
        argv, cwd=TREE, stdout=writing, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        env={**given, "PYTHONPATH": str(TREE), "TERM": "xterm", **environment},
    )  # fmt: skip
    os.close(writing)
    text = b"".join(iter(lambda: _read(reading), b""))
    os.close(reading)
    assert running.wait() in (0, 6), text
    return text.decode("utf-8").replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # EIO: the other side is closed, which is how a terminal ends
        return b""


def in_a_pipe(*words: str, **environment: str) -> str:
    argv = [sys.executable, "-m", "asymgen", *words]
    env = {**os.environ, "PYTHONPATH": str(TREE), "TERM": "xterm", **environment}
    return subprocess.run(argv, cwd=TREE, env=env, capture_output=True, text=True, check=True).stdout


def test_wrong_is_red_and_right_is_green_on_a_terminal() -> None:
    text = on_terminal("detect", "--snapshot", SNAPSHOT)
    wanted = f"leave by {RED}eth0 via 192.0.2.1{PLAIN}, should leave by {GREEN}eth1 via 198.51.100.1{PLAIN}\n"
    assert f"  answers from 198.51.100.10 {wanted}" in text
    assert COLOUR.sub("", text) == in_a_pipe("detect", "--snapshot", SNAPSHOT)


def test_differences_of_files_are_like_those_of_diff(tmp_path: Path) -> None:
    changed = tmp_path / "etc" / "iproute2" / "rt_tables.d" / "asymgen.conf"
    changed.parent.mkdir(parents=True)
    changed.write_text("# another line\n", encoding="utf-8")
    text = on_terminal("detect", "--snapshot", SNAPSHOT, "--root", str(tmp_path))
    assert f"\n{RED}-# another line{PLAIN}\n" in text
    assert re.search(r"\n\033\[32m\+2\s+asymgen_eth1\033\[0m\n", text), text


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": ""}])
def test_a_terminal_gets_none_where_none_are_asked_for(environment: dict[str, str]) -> None:
    text = on_terminal("detect", "--snapshot", SNAPSHOT, **environment)
    assert "answers from 198.51.100.10" in text
    assert "\033" not in text


def test_an_empty_no_color_counts_as_absent() -> None:
    assert RED in on_terminal("detect", "--snapshot", SNAPSHOT, NO_COLOR="")


def test_a_pipe_gets_none_and_json_never_has_any() -> None:
    assert "\033" not in in_a_pipe("detect", "--snapshot", SNAPSHOT)
    document = on_terminal("detect", "--snapshot", SNAPSHOT, "--format", "json")
    assert json.loads(document)["problems"]


def test_the_verdict_of_each_of_several_hosts(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    fine = str(DIRECTORY / "one-uplink" / "snapshot.json")
    words = [word for name in (SNAPSHOT, fine, str(broken)) for word in ("--snapshot", name)]
    text = on_terminal("detect", *words)
    assert re.search(r"  two-subnets +\033\[31m\d+ wrong answers\033\[0m  ", text), text
    assert f"  {RED}failed{PLAIN} " in text
    assert "  nothing to do" in text


def test_a_hostile_name_brings_no_colour_of_its_own(tmp_path: Path) -> None:
    text = (DIRECTORY / "two-subnets" / "snapshot.json").read_text(encoding="utf-8")
    snapshot = tmp_path / "hostile.json"
    snapshot.write_text(text.replace('"hostname": "two-subnets"', '"hostname": "e\\u001b[35mth"'), encoding="utf-8")
    shown = on_terminal("detect", "--snapshot", str(snapshot))
    assert "\033[35m" not in shown
    assert "\\x1b[35mth" in shown


@pytest.mark.parametrize(
    ("is_terminal", "environment", "wanted"),
    [
        (True, {"TERM": "xterm"}, True),
        (False, {"TERM": "xterm"}, False),
        (True, {"TERM": "dumb"}, False),
        (True, {}, False),
        (True, {"TERM": "xterm", "NO_COLOR": "0"}, False),
        (True, {"TERM": "xterm", "NO_COLOR": ""}, True),
    ],
)
def test_when_colours_are_wanted(*, is_terminal: bool, environment: Mapping[str, str], wanted: bool) -> None:
    reading, writing = os.openpty() if is_terminal else os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w") as stream:
        assert colours.are_wanted(stream, environment) is wanted


def test_the_arrows_of_a_diagram() -> None:
    text = on_terminal("diagram", "--snapshot", SNAPSHOT, COLUMNS="80")
    assert f"├── {GREEN}right{PLAIN} ──▶ eth0 via 192.0.2.1" in text
    assert f"├── {RED}wrong{PLAIN} ──▶ eth0 via 192.0.2.1" in text
    assert f"{RED}wrong to 192.0.2.1: eth0 directly{PLAIN}" in text
    assert COLOUR.sub("", text) == in_a_pipe("diagram", "--snapshot", SNAPSHOT, COLUMNS="80")
