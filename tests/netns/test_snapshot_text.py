"""The script on hosts whose ip(8) prints no JSON: what its text says is what the JSON of the same host says.

The text is that of the ip(8) here, told not to know -j, and of BusyBox's. (By hand as well: iproute2 5.10, 6.15.)
That of iproute2 4.9 and 4.11 was not to be had as a program: ``tests/unit/test_parse_text.py`` has lines in its form.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asymgen.model import Choices, Family, Host, Kept
from asymgen.parse import parse_host
from asymgen.planner import plan
from tests.case_files import CASES, Case, choices_of
from tests.command_line import asymgen
from tests.host_loader import loaded_host
from tests.ip_text import BUSYBOX, assert_text_says_the_same, read_both
from tests.lookup_worlds import load, set_up, world
from tests.namespaces import Namespace
from tests.netns.test_probe import LONELY, build
from tests.netns.test_snapshot_script import SCRIPT, SHELLS, applets, collect, finished, with_ip

pytestmark = pytest.mark.netns

OLD = """case "$1" in -j) echo 'Option "-j" is unknown, try "ip -help".' >&2; exit 255 ;; esac"""
MIDDLE = 'case "$*" in *rule*|*route*) [ "$1" != -j ] || shift; exec "$real" "$@" ;; esac'
"""iproute2 4.14 to 4.16: JSON for links and addresses, and -j is passed over for the rest."""
TWO_UPLINKS = """
link add eth0 type veth peer name far0
link add eth1 type veth peer name far1
link set far0 up
link set far1 up
link set eth0 up
link set eth1 up
addr add 192.0.2.10/24 dev eth0
addr add 198.51.100.10/24 dev eth1
route add default via 192.0.2.1 metric 100
route add default via 198.51.100.1 metric 200
"""


def by_text(net: Namespace, folder: Path, script: str) -> Host:
    code, output, error = with_ip(net, folder, script)
    assert (code, error) == (0, "")
    assert output.isascii()
    json.loads(output)  # strictly: no control characters inside texts
    return parse_host(finished(output))


@pytest.mark.parametrize("script", [OLD, MIDDLE], ids=["4.9", "4.14"])
def test_busy_host_is_the_same(net: Namespace, tmp_path: Path, script: str) -> None:
    """Every kind of route, rule and address, and names that look like what ip(8) prints beside a name."""
    build(net)
    for index, name in enumerate(("left0@if2", "dev", "onlink", "secondary", "[detached]", "via")):
        net.ip("link", "add", "name", name, "up", "type", "bridge")
        net.ip("addr", "add", f"10.50.{index}.1/24", "dev", name)
        net.ip("route", "add", f"10.60.{index}.0/24", "via", f"10.50.{index}.9", "dev", name, "onlink")
        net.ip("rule", "add", "pref", f"{50 + index}", "iif", name, "oif", name, "table", "100")
    net.ip("link", "set", "vxlan0", "alias", "x\n99: eth99: <UP> mtu 1500\n    inet 10.9.9.9/8 scope global eth99")
    before = None
    by_json = parse_host(finished(collect(net)))
    while before != by_json:  # duplicate address detection ends meanwhile
        before = by_json
        found = by_text(net, tmp_path, script)
        by_json = parse_host(finished(collect(net)))
    assert {link.name for link in found.links} >= {*LONELY, "left0@if2", "[detached]"}
    assert replace(found, notes=()) == replace(by_json, notes=())
    said = "prints no JSON: its text was read"
    assert any(said in note for note in found.notes)
    assert not any(said in note for note in by_json.notes)


def test_random_worlds_are_the_same(net: Namespace) -> None:
    set_up(net)
    for number in range(1, 13):
        for family in Family:
            load(net, world(family, number=number))
            assert_text_says_the_same(net)


def test_an_encapsulation_is_passed_over(net: Namespace) -> None:
    net.batch("link add tun7 type vxlan dstport 4789 external local 127.0.0.1\nlink set tun7 up")
    net.ip("route", "add", "203.0.113.0/24", "encap", "ip", "id", "7", "dst", "192.0.2.9", "dev", "tun7")
    assert "encap ip" in net.ip("route")
    assert_text_says_the_same(net)


@pytest.mark.parametrize("shell", SHELLS)
def test_busybox_brings_a_host_that_asymgen_plans(net: Namespace, tmp_path: Path, shell: str) -> None:
    """Its ip and, as "applets", its tools. detect makes the same of it as of the JSON, and says what was not seen."""
    net.batch(f"{TWO_UPLINKS}link add eth2 type bridge\nlink set eth1 group 77")
    net.ip("rule", "add", "pref", "100", "from", "10.0.0.0/8", "uidrange", "5-6", "lookup", "100")
    place = applets(tmp_path, names=("ip", *(("sed", "od", "tr", "grep", "cat") if shell == "applets" else ())))
    text = net.run("sh", "-c", f'PATH="$1:$PATH" exec {SHELLS[shell]}', "sh", str(place), input=SCRIPT).stdout
    json.loads(text)
    found = parse_host(finished(text))
    by_json = parse_host(finished(collect(net)))
    assert facts(found) == facts(by_json)
    assert [link.kind for link in found.links if link.name == "eth2"] == ["bridge"]
    assert [link.group for link in found.links if link.name == "eth1"] == [77]
    assert [rule.unmodelled for rule in found.rules if rule.priority == 100] == [("what BusyBox does not show",)]
    shown = asymgen("detect", "--snapshot", "-", stdin=text)
    assert shown.returncode == 0, shown.stderr
    assert "BusyBox's ip. Not seen: who made a route or rule" in shown.stdout


def facts(host: Host, choices: Choices = Choices()) -> list[Any]:  # noqa: B008 - frozen
    """What the plan is."""
    return [
        (one.interface, one.family, one.gateway, one.addresses, one.table, one.priority, one.sources)
        for one in plan(host, choices, Kept()).uplinks
    ]


BEYOND_BUSYBOX = {
    "main-moved": "every rule but the kernel's own may have selectors that it does not show",
    "multipath-default": "it shows none of several next hops",
    "one-subnet-dual-stack": "likewise",
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_busybox_shows_enough_for_the_same_plan(case: Case) -> None:
    with loaded_host(case.snapshot) as host:
        by_json, by_text = read_both(host, BUSYBOX)
    same = facts(by_text, choices_of(case)) == facts(by_json, choices_of(case))
    assert same is (case.name not in BEYOND_BUSYBOX)


def test_busybox_says_which_routes_have_no_next_hop(net: Namespace) -> None:
    net.batch(f"{TWO_UPLINKS}route add 203.0.113.0/24 nexthop via 192.0.2.1 nexthop via 198.51.100.1")
    assert any(note.endswith("none of which it shows: 203.0.113.0/24") for note in read_both(net, BUSYBOX)[1].notes)


def test_busybox_prints_large_metrics_as_negative_numbers(net: Namespace) -> None:
    net.batch(f"{TWO_UPLINKS}route add 203.0.113.0/24 via 192.0.2.1 metric 4278198272")
    assert "metric -16769024" in net.run(*BUSYBOX, "route").stdout
    assert 4278198272 in [route.metric for route in read_both(net, BUSYBOX)[1].routes]


def test_another_namespaces_sys_is_refused(net: Namespace, tmp_path: Path) -> None:
    """nsenter --net leaves the outer /sys in place: which name an index has cannot be told from it."""
    net.batch("".join(f"link add inner{number} type bridge\n" for number in range(20)))
    (tmp_path / "ip").write_text(f'#!/bin/sh\n{OLD}\nexec {shutil.which("ip")} "$@"\n')
    (tmp_path / "ip").chmod(0o755)
    words = ("nsenter", f"--net={net.path}", "sh", "-c", 'PATH="$1:$PATH" exec dash', "sh", str(tmp_path))
    text = subprocess.run(words, input=SCRIPT, capture_output=True, text=True, check=True).stdout
    refused = asymgen("detect", "--snapshot", "-", stdin=text)
    assert refused.returncode in (0, 6)
    assert refused.returncode == 6 or "is not in /sys/class/net" in refused.stdout


@pytest.mark.parametrize("shows", ["link", "addr", "-4 route", "-6 route", "-4 rule", "-6 rule"])
def test_text_that_is_not_understood_is_refused_with_its_line(net: Namespace, tmp_path: Path, shows: str) -> None:
    code, output, _ = with_ip(net, tmp_path, f'{OLD}\ncase "$*" in *"{shows}"*) echo "7: something else" ;; esac')
    assert code == 0
    refused = asymgen("detect", "--snapshot", "-", stdin=output)
    assert refused.returncode == 6, refused
    assert "7: something else" in refused.stderr
    assert "Traceback" not in refused.stderr
