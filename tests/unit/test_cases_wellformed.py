"""The cases themselves: expectations that name what is not there would never fail."""

from __future__ import annotations

import ipaddress
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from asymgen.parse import parse_host
from tests.case_files import CASES, DIRECTORY, Case, choices_of

SHAPES = {
    "two-subnets": 3, "one-subnet": 3, "dhcp-metrics": 3, "on-link": 3, "dual-stack": 3, "containers": 3, "vpn": 3,
    "other-rules": 3, "three-uplinks": 3, "two-gateways": 3, "stacked": 3,
    "nothing-to-do": 2, "unresolved": 1, "error-default": 1, "nested": 1, "multipath": 1,
}  # fmt: skip
"""Each shape with the number of hosts that it needs at least."""

DOCUMENTATION = [
    ipaddress.ip_network(text)
    for text in (
        "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "10.0.0.0/8", "172.16.0.0/12",
        "100.64.0.0/10", "3fff::/20", "fc00::/7", "fe80::/10", "127.0.0.0/8",
    )
]  # fmt: skip
EXPECT_KEYS = {"title", "shapes", "choices", "uplinks", "unresolved", "nothing_to_do", "asks", "later"}
ASK_KEYS = {"family", "source", "destination", "dev", "via", "reason"}
OPTIONAL_ASK_KEYS = {"iif", "oif", "mark", "uid"}


def all_asks(case: Case) -> list[dict[str, Any]]:
    return [*case.expect["asks"], *(ask for later in case.expect["later"] for ask in later["asks"])]


def commands(case: Case) -> str:
    return "\n".join(command for later in case.expect["later"] for command in later["commands"])


def known_interfaces(case: Case) -> set[str]:
    return {link["ifname"] for link in case.snapshot["links"]} | set(re.findall(r"link add (\S+)", commands(case)))


def known_addresses(case: Case) -> set[str]:
    snapshot = {entry["local"] for link in case.snapshot["addrs"] for entry in link["addr_info"]}
    return snapshot | set(re.findall(r"addr add ([^\s/]+)", commands(case)))


def test_every_shape_has_its_hosts() -> None:
    found = Counter(shape for case in CASES for shape in case.expect["shapes"])
    assert set(found) == set(SHAPES)
    assert {shape for shape, least in SHAPES.items() if found[shape] < least} == set()


def test_every_directory_is_a_whole_case() -> None:
    wanted = {"host.sh", "extra.json", "snapshot.json", "expect.json"}
    for directory in (path for path in DIRECTORY.iterdir() if path.is_dir() and path.name != "__pycache__"):
        assert wanted <= {path.name for path in directory.iterdir()}, directory.name
    assert len(CASES) >= 24


@pytest.mark.parametrize("case", CASES, ids=str)
def test_expectation_has_its_keys(case: Case) -> None:
    assert set(case.expect) == EXPECT_KEYS
    assert case.expect["title"]
    assert case.expect["shapes"]
    for ask in all_asks(case):
        assert ASK_KEYS <= set(ask) <= ASK_KEYS | OPTIONAL_ASK_KEYS, ask
        assert ask["reason"]
        assert ipaddress.ip_address(ask["destination"]).version == ask["family"]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_asks_are_about_this_host(case: Case) -> None:
    for ask in all_asks(case):
        assert ask["dev"] is None or ask["dev"] in known_interfaces(case), ask
        assert ask["source"] is None or "iif" in ask or ask["source"] in known_addresses(case), ask
        assert ask["via"] is None or ask["dev"] is not None, ask


@pytest.mark.parametrize("case", CASES, ids=str)
def test_asks_cover_the_promise(case: Case) -> None:
    """Enough of them, an unbound source in each family, and every uplink by its next hop."""
    asks = case.expect["asks"]
    assert len(asks) >= 6
    assert any(ask["source"] is None for ask in asks)
    for uplink in case.expect["uplinks"]:
        answers = [ask for ask in asks if ask["dev"] == uplink["interface"] and ask["family"] == uplink["family"]]
        assert any(ask["via"] == uplink["gateway"] and ask["source"] for ask in answers), uplink
    families = {uplink["family"] for uplink in case.expect["uplinks"]}
    assert families <= {ask["family"] for ask in asks if ask["source"] is None}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_asks_reach_every_network(case: Case) -> None:
    """Each interface that has a network is an answer; a VRF's port is in a world of its own."""
    asked = {ask["dev"] for ask in case.expect["asks"]} | {"lo"}
    for link in case.snapshot["addrs"]:
        lengths = {entry["prefixlen"] for entry in link["addr_info"] if entry["scope"] == "global"}
        assert link["ifname"] in asked or "master" in link or lengths <= {32, 128}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nothing_to_do_says_so_wholly(case: Case) -> None:
    """Where nothing is to be done there are no uplinks with rules and nothing can come later."""
    assert case.expect["nothing_to_do"] is (case.expect["uplinks"] == [])
    if case.expect["nothing_to_do"]:
        assert case.expect["later"] == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_addresses_are_documentation_ones(case: Case) -> None:
    texts = known_addresses(case) | {ask["destination"] for ask in all_asks(case)} - {"::1"}
    for address in map(ipaddress.ip_address, texts - {"::1"}):
        assert any(address in network for network in DOCUMENTATION if network.version == address.version), address


@pytest.mark.parametrize("case", CASES, ids=str)
def test_snapshot_is_recorded_from_these_files(case: Case) -> None:
    """``extra.json`` was changed and record.py not run again: the snapshot would be of another host."""
    extra = json.loads((Path(DIRECTORY) / case.name / "extra.json").read_text(encoding="utf-8"))
    extra.pop("link_kinds", None)
    for key, value in extra.items():
        assert case.snapshot[key] == value, key


@pytest.mark.parametrize("case", CASES, ids=str)
def test_asymgen_reads_it(case: Case) -> None:
    host = parse_host(case.snapshot)
    assert {link.name for link in host.links} == {link["ifname"] for link in case.snapshot["links"]}
    choices_of(case)


def test_hosts_are_told_apart() -> None:
    machines = [case.snapshot["machine_id"] for case in CASES]
    assert len(set(machines)) == len(machines)
    assert all(case.snapshot["hostname"] == case.name for case in CASES)
