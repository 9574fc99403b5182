"""Broken snapshots through the whole command line: right, or exit 3 or 6 naming the key; never a traceback."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.case_files import CASES, DIRECTORY
from tests.in_process import Outcome, is_refused_or_right, run

TWO_SUBNETS = (DIRECTORY / "two-subnets" / "snapshot.json").read_text(encoding="utf-8")
REQUIRED = ("links", "addrs", "routes4", "routes6", "rules4", "rules6", "os_release")


def whole() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(TWO_SUBNETS)
    return found


def detect(text: str) -> Outcome:
    return run("detect", "--snapshot", "-", "--format", "json", stdin=text)


@pytest.mark.parametrize("key", REQUIRED)
def test_a_missing_key_is_named(key: str) -> None:
    document = whole()
    del document[key]
    found = detect(json.dumps(document))
    assert found.code == 6
    assert f"standard input: {key}: found nothing" in found.stderr


@pytest.mark.parametrize("key", sorted({*whole(), "leases", "sysctls", "managers", "nexthops", "notes", "groups"}))
@pytest.mark.parametrize(
    "value", [None, True, 0, -1, 1.5, "x", [], {}, [None], [1], ["x"], [[]], [{"x": 1}], {"x": []}]
)
def test_a_key_of_another_type(key: str, value: Any) -> None:
    found = detect(json.dumps({**whole(), key: value}))
    assert is_refused_or_right(found), found
    assert found.code == 0 or key in found.stderr


def test_cut_off_anywhere_it_is_unreadable_and_says_where() -> None:
    for length in range(0, len(TWO_SUBNETS.rstrip()) - 1, 97):
        found = detect(TWO_SUBNETS[:length])
        assert found.code == 6, length
        assert "standard input: no valid JSON at line " in found.stderr


@pytest.mark.parametrize(
    "text",
    ["", " ", "null", "[]", "5", '"x"', "{}", "{" * 5000, "[" * 200000, "1" * 5000, "\0", "\ufeff{}", "\udcff",
     '{"a": NaN}', "{'links': []}", TWO_SUBNETS + TWO_SUBNETS, TWO_SUBNETS.replace(":", ",")],

)  # fmt: skip
def test_what_is_no_snapshot(text: str) -> None:
    found = detect(text)
    assert found.code == 6, found
    assert "standard input" in found.stderr or "nested" in found.stderr


def doubled(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda document: document[key].extend(copy.deepcopy(document[key]))


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    **{f"{key} twice": doubled(key) for key in ("links", "addrs", "routes4", "routes6", "rules4", "rules6")},
    "unknown kind": lambda document: [link.update(linkinfo={"info_kind": "quantum"}) for link in document["links"]],
    "addresses without links": lambda document: document.update(links=[]),
    "links without addresses": lambda document: document.update(addrs=[]),
    "a master that is not there": lambda document: [link.update(master="bond7") for link in document["links"]],
    "its own master": lambda document: [link.update(master=link["ifname"]) for link in document["links"]],
    "a route through an interface that is not there": lambda document: document["routes4"][0].update(dev="eth7"),
    "a route without interface": lambda document: document["routes4"][0].pop("dev", None),
    "no rules": lambda document: document.update(rules4=[], rules6=[]),
    "no routes": lambda document: document.update(routes4=[], routes6=[]),
    "a goto into nowhere": lambda document: document["rules4"].append({"priority": 7, "src": "all", "goto": 6}),
    "a goto to itself": lambda document: document["rules4"].append({"priority": 7, "src": "all", "goto": 7}),
    "a gateway that is our own address": lambda document: document["routes4"][0].update(gateway="192.0.2.10"),
    "a multicast gateway": lambda document: document["routes4"][0].update(gateway="224.0.0.1"),
    "a gateway of the other family": lambda document: document["routes4"][0].update(
        via={"family": "inet6", "host": "fe80::1"}, gateway=None
    ),
    "main has all priorities": lambda document: document["rules4"].insert(
        0, {"priority": 0, "src": "all", "table": "main"}
    ),
    "every table number": lambda document: document.update(rt_tables={str(n): f"t{n}" for n in range(1, 300)}),
    "all groups": lambda document: document.update(firewall_groups=list(range(9000, 10000))),
    "flags unknown": lambda document: [link.update(flags=["QUANTUM"]) for link in document["links"]],
    "an address of zeroes": lambda document: document["addrs"][1]["addr_info"][0].update(local="0.0.0.0"),  # noqa: S104 - data
    "an address of ones": lambda document: document["addrs"][1]["addr_info"][0].update(local="255.255.255.255"),
    "a prefix of everything": lambda document: document["addrs"][1]["addr_info"][0].update(prefixlen=0),
    "the same address everywhere": lambda document: [
        entry.update(local="192.0.2.10")
        for link in document["addrs"]
        for entry in link["addr_info"]
        if entry["family"] == "inet"
    ],
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_strange_host_is_right_or_refused(change: str) -> None:
    document = whole()
    CHANGES[change](document)
    for words in (("detect",), ("detect", "--format", "json"), ("commands",), ("commands", "--undo")):
        found = run(*words, "--snapshot", "-", stdin=json.dumps(document))
        assert is_refused_or_right(found), found


WRONG_FAMILY: dict[str, Callable[[dict[str, Any]], object]] = {
    "addrs[1].addr_info[0].local": lambda document: document["addrs"][1]["addr_info"][0].update(local="2001:db8::1"),
    "routes4[0].dst": lambda document: document["routes4"][0].update(dst="2001:db8::/32"),
    "routes6[0].dst": lambda document: document["routes6"].insert(0, {"dst": "10.0.0.0/8", "dev": "eth0"}),
    "routes6[0].gateway": lambda document: document["routes6"].insert(
        0, {"dst": "default", "dev": "eth0", "gateway": "10.0.0.1"}
    ),
    "rules4[0].src": lambda document: document["rules4"][0].update(src="2001:db8::", srclen=32),
    "rules6[0].src": lambda document: document["rules6"][0].update(src="10.0.0.0", srclen=8),
    "addrs[1].addr_info[0].prefixlen": lambda document: document["addrs"][1]["addr_info"][0].update(prefixlen=33),
}


@pytest.mark.parametrize("place", WRONG_FAMILY)
def test_the_wrong_family_is_refused_and_named(place: str) -> None:
    document = whole()
    assert {entry["family"] for entry in document["addrs"][1]["addr_info"][:1]} == {"inet"}
    WRONG_FAMILY[place](document)
    found = detect(json.dumps(document))
    assert found.code == 6, found
    assert place in found.stderr


def test_every_case_without_one_of_its_objects() -> None:
    """A route, address, rule or link that vanished between two commands."""
    for case in CASES[::4]:
        for key in ("links", "addrs", "routes4", "rules4"):
            for index in range(len(case.snapshot[key])):
                document = copy.deepcopy(case.snapshot)
                del document[key][index]
                found = detect(json.dumps(document))
                assert is_refused_or_right(found), (case.name, key, index, found)
