"""verify, explain and --probe on a host with a real kernel: what is broken by hand is found, what is right is not."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.namespaces import Namespace
from tests.packet_lab import CLIENT4, CLIENT6, PacketLab, packet_lab

pytestmark = pytest.mark.netns

TREE = Path(__file__).resolve().parents[2]
GATEWAYS = ("--gateway", "eth1=198.51.100.1", "--gateway", "eth1=2001:db8:b::1")
FIRST, SECOND = "192.0.2.10", "198.51.100.10"


@pytest.fixture
def lab() -> Iterator[PacketLab]:
    with packet_lab() as made:
        load(made.host)
        yield made


def asymgen(host: Namespace, *words: str, code: int = 0) -> str:
    done = host.run(sys.executable, "-m", "asymgen", *words, cwd=TREE, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def load(host: Namespace, *options: str) -> None:
    host.run("sh", input=asymgen(host, "commands", *GATEWAYS, *options))


def verify(host: Namespace, folder: Path, *words: str, code: int = 0) -> list[dict[str, Any]]:
    """The findings that are more than notes. Of an empty root, so that this machine's files say nothing."""
    told = json.loads(asymgen(host, "verify", *GATEWAYS, "--format", "json", "--root", str(folder), *words, code=code))
    return [one for one in told["findings"] if one["severity"] != "info" and not one["check"].startswith("file-")]


def checks(found: list[dict[str, Any]]) -> set[str]:
    return {one["check"] for one in found}


def test_a_loaded_host_has_no_fault_but_its_files(lab: PacketLab, tmp_path: Path) -> None:
    assert verify(lab.host, tmp_path, code=1) == []
    written = asymgen(lab.host, "detect", *GATEWAYS, "--backend", "sysv", "--root", str(tmp_path), "--write")
    assert "create" in written
    told = asymgen(lab.host, "verify", "--root", str(tmp_path), "--backend", "sysv")
    assert "every answer leaves as it should" in told


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        ("rule del pref 32013 from 198.51.100.0/24 iif lo lookup 2 protocol 97", "rule-missing"),
        ("route flush table 2", "table-empty"),
        ("route replace default via 198.51.100.77 dev eth1 table 2 proto 97", "route-changed"),
        ("route del 198.51.100.0/24 table 2 proto 97", "route-missing"),
        ("link set eth1 group 0", "group"),
        ("rule add pref 32014 from 203.0.113.0/24 lookup 254", "number-taken"),
        ("route add 203.0.113.0/24 via 198.51.100.77 table 2", "number-taken"),
        ("route change default via 192.0.2.1 dev eth0 src 198.51.100.10", "unbound"),
    ],
)
def test_what_is_broken_is_found(lab: PacketLab, tmp_path: Path, broken: str, check: str) -> None:
    assert check not in checks(verify(lab.host, tmp_path, code=1))
    lab.host.ip(*broken.split())
    assert check in checks(verify(lab.host, tmp_path, code=1))


def test_an_administrators_rule_that_decides_is_named_and_left_alone(lab: PacketLab, tmp_path: Path) -> None:
    lab.host.ip("rule", "add", "pref", "10", "from", f"{SECOND}/32", "lookup", "main")
    told = [one for one in verify(lab.host, tmp_path, code=1) if one["check"] == "others-decide"]
    assert [one["severity"] for one in told] == ["warning", "warning"], "two far-away destinations"
    assert all(SECOND in one["what"] and "leave by eth0" in one["what"] for one in told)


def test_wg_quick_afterwards_is_ahead(lab: PacketLab, tmp_path: Path) -> None:
    host = lab.host
    host.ip("tuntap", "add", "mode", "tun", "name", "tun0")
    host.ip("address", "add", "10.8.0.2/24", "dev", "tun0")
    host.ip("link", "set", "tun0", "up")
    host.ip("route", "add", "default", "dev", "tun0", "table", "51820")
    host.ip("rule", "add", "not", "fwmark", "51820", "table", "51820")
    host.ip("rule", "add", "table", "main", "suppress_prefixlength", "0")
    found = verify(host, tmp_path, code=1)
    assert {"ahead", "answer"} <= checks(found)
    assert not lab.pings(FIRST), "as it says"
    load(host)
    # Neighbours of the other uplink: wg-quick's own rule for main decides, which is left alone.
    assert not {"ahead", "answer"} & checks(verify(host, tmp_path, code=1))
    assert lab.pings(FIRST)


def test_nagios_and_prometheus(lab: PacketLab, tmp_path: Path) -> None:
    words = ("verify", *GATEWAYS, "--root", str(tmp_path), "--backend", "sysv", "--format")
    asymgen(lab.host, "detect", *GATEWAYS, "--backend", "sysv", "--root", str(tmp_path), "--write")
    assert asymgen(lab.host, *words, "nagios").startswith("ASYMGEN OK - ")
    lab.host.ip("route", "flush", "table", "2")
    line = asymgen(lab.host, *words, "nagios", code=1).splitlines()[0]
    assert line.startswith("ASYMGEN WARNING - ")
    assert line.count("|") == 1
    metrics = tmp_path / "asymgen.prom"
    asymgen(lab.host, *words, "prometheus", "-o", str(metrics), code=1)
    lines = metrics.read_text().splitlines()
    assert "asymgen_ok 0" in lines
    assert any(line.startswith('asymgen_finding_info{severity="error",check="table-empty"') for line in lines)


# --- packets ---------------------------------------------------------------------------------------------


def probed(host: Namespace, folder: Path, target: str, *, code: int) -> list[str]:
    words = ("verify", *GATEWAYS, "--root", str(folder), "--format", "json", "--probe", target)
    told = json.loads(asymgen(host, *words, code=code))
    return [one["what"] for one in told["findings"] if one["check"] == "probe"]


def test_probes_say_by_which_interface_they_left(lab: PacketLab, tmp_path: Path) -> None:
    told = probed(lab.host, tmp_path, CLIENT4, code=1)
    assert f"a ping from {FIRST} to {CLIENT4} left by eth0 (answered)" in told
    assert f"a ping from {SECOND} to {CLIENT4} left by eth1 (answered)" in told
    assert f"a TCP connection from {SECOND} to {CLIENT4} left by eth1 (answered)" in told, "refused is an answer"
    assert f"a ping from 2001:db8:b::10 to {CLIENT6} left by eth1 (answered)" in probed(
        lab.host, tmp_path, f"[{CLIENT6}]:7", code=1
    )


def test_probes_that_leave_by_the_wrong_interface(lab: PacketLab, tmp_path: Path) -> None:
    lab.host.ip("rule", "flush", "protocol", "97")
    told = probed(lab.host, tmp_path, CLIENT4, code=1)
    assert f"a ping from {SECOND} to {CLIENT4} left by eth0, should leave by eth1 (no answer within 2 s)" in told


def test_probes_that_cannot_be_sent(lab: PacketLab, tmp_path: Path) -> None:
    lab.host.ip("rule", "add", "pref", "10", "from", f"{SECOND}/32", "unreachable")
    told = probed(lab.host, tmp_path, CLIENT4, code=1)
    assert f"a ping from {SECOND} to {CLIENT4} was not sent: Network is unreachable" in told


# --- explain ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [FIRST, SECOND, "2001:db8:a::10", "2001:db8:b::10"])
def test_explain_agrees_with_the_kernel(lab: PacketLab, source: str) -> None:
    family = 6 if ":" in source else 4
    destinations = (CLIENT6, "2001:db8:a::77", "2001:db8:b::77") if family == 6 else (
        CLIENT4, "192.0.2.77", "198.51.100.77")  # fmt: skip
    for destination in destinations:
        told = json.loads(asymgen(lab.host, "explain", "--format", "json", source, destination))
        answer = lab.host.route_get(family, destination, source)
        assert answer is not None
        via = f"{answer['dev']} via {answer['gateway']}" if "gateway" in answer else f"{answer['dev']} directly"
        assert told["answer"] == via
        assert told["steps"][-1]["fate"] == "decided"


def test_explain_says_whose_rules_they_are(lab: PacketLab) -> None:
    told = asymgen(lab.host, "explain", *GATEWAYS, SECOND, CLIENT4)
    assert "[the kernel's own]" in told
    assert "[asymgen: the guard of eth1: does main know better?]" in told
    assert "decides: table 2 has the route default by eth1 via 198.51.100.1" in told
    assert told.endswith("So it leaves by eth1 via 198.51.100.1.\n")
