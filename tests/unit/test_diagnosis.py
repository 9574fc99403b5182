"""The diagnosis is right: its oracle agrees with the hand-written answers of every case, it finds what is wrong
and only that, and what the plan cannot mend is a list that a person has read."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

import pytest

from asymgen.detection import detect
from asymgen.diagnosis import FAR_AWAY, find_problems, find_remaining
from asymgen.lowering import lower
from asymgen.model import Capabilities, Family, Kept, KernelState
from asymgen.parse import parse_host
from asymgen.planner import plan
from asymgen.prefixes import single_address
from asymgen.promise import Promise
from tests.case_files import CASES, Case, choices_of
from tests.hosts import lower_for, make_host, make_link, make_rule, plan_for

DECIDED_BY_OTHERS = {
    "admin-from-rules": "an administrator's own from-rule decides for that address",
    "fwmark-rule": "marked packets",
    "wg-quick-ahead": "wg-quick's main rule stands before its tunnel and goes on deciding",
    "tailscale-exit-node": "the tunnel table's own networks go on deciding",
    "tailscale": "Tailscale's rule stands before ours",
    "strongswan": "strongSwan's table 220 stands before ours",
    "uidrange-vpn": "packets of one user",
}
"""Cases in which rules of others, which promise 4 leaves alone, answer some questions differently."""


OURS = [case for case in CASES if case.name not in DECIDED_BY_OTHERS]


@pytest.mark.parametrize("case", OURS, ids=str)
def test_the_oracle_agrees_with_the_hand_written_answers(case: Case) -> None:
    found = plan(parse_host(case.snapshot), choices_of(case), Kept())
    compared = 0
    for ask in case.expect["asks"]:
        up = next(
            (
                one
                for one in found.uplinks
                if one.family in found.active and ask["source"] in [str(a.address) for a in one.addresses]
            ),
            None,
        )
        plain = not any(key in ask for key in ("mark", "uid", "oif", "iif"))
        if up is None or not plain or ask["dev"] == "lo" or ask["dev"] is None:
            continue
        via = None if ask["via"] is None else ipaddress.ip_address(ask["via"])
        ways = Promise(found, up.family).ways(up, ipaddress.ip_address(ask["destination"]))
        assert ways in (frozenset({(ask["dev"], via)}), frozenset()), ask["reason"]
        compared += 1
    assert compared > 0 or case.expect["nothing_to_do"]


@pytest.mark.parametrize("case", OURS, ids=str)
def test_what_a_plan_does_not_mend_is_known(case: Case) -> None:
    host = parse_host(case.snapshot)
    found = plan(host, choices_of(case), Kept())
    assert list(find_remaining(host, found, lower(found, Capabilities()))) == []


@pytest.mark.parametrize("case", [case for case in CASES if not case.expect["nothing_to_do"]], ids=str)
def test_something_is_wrong_before(case: Case) -> None:
    host = parse_host(case.snapshot)
    assert find_problems(host, plan(host, choices_of(case), Kept()))


def test_no_false_alarm_on_a_host_with_a_bridge_and_a_lan() -> None:
    host = make_host(
        {"eth0": "192.0.2.10/24", "eth1": "198.51.100.10/24", "docker0": "172.17.0.1/16", "lan0": "10.0.0.1/24"},
        ["default via 192.0.2.1 dev eth0", "default via 198.51.100.1 dev eth1 metric 9"],
    )
    found = plan_for(host)
    asked = {str(problem.destination) for problem in find_problems(host, found)}
    assert not asked & {"172.17.0.1", "10.0.0.1"}, "the host's own addresses"
    assert list(find_remaining(host, found, lower_for(host))) == []


def test_a_network_behind_another_uplinks_neighbour_is_asked() -> None:
    """A static route that ``main`` has through one uplink takes the others' answers; one that comes later as well."""
    uplinks = {"eth0": "192.0.2.10/24", "eth1": "198.51.100.10/24", "eth2": "203.0.113.10/24"}
    routes = [f"default via {gateway} dev {name} metric {metric}" for name, gateway, metric in (
        ("eth0", "192.0.2.1", 1), ("eth1", "198.51.100.1", 2), ("eth2", "203.0.113.1", 3))]  # fmt: skip
    before = make_host(uplinks, routes)
    later = make_host(uplinks, [*routes, "10.9.0.0/16 via 203.0.113.7 dev eth2"])
    found = plan_for(later)
    wrong = {(str(one.source), str(one.destination), one.actual) for one in find_problems(later, found)}
    assert ("198.51.100.10", "10.9.0.1", "eth2 via 203.0.113.7") in wrong
    stale = {(str(one.source), str(one.destination)) for one in find_remaining(later, found, lower_for(before))}
    assert stale == {("198.51.100.10", "10.9.0.1")}, "the device group of eth2 keeps it from eth0's alone"
    assert list(find_remaining(later, found, lower_for(later))) == []


def test_an_unmended_answer_is_a_note_and_names_both_ways() -> None:
    host = make_host(
        {"eth0": "192.0.2.10/24", "eth1": "198.51.100.10/24", "tnl0": make_link("tnl0", "10.8.0.2/24", kind="tun")},
        ["default via 192.0.2.1 dev eth0", "default via 198.51.100.1 dev eth1 metric 9"],
    )
    found = plan_for(host)
    problems = find_remaining(host, found, KernelState((), (), ()))
    assert {(str(one.source), one.actual, one.expected) for one in problems} >= {
        ("198.51.100.10", "eth0 via 192.0.2.1", "eth1 via 198.51.100.1")
    }


@pytest.mark.parametrize("name", sorted(DECIDED_BY_OTHERS))
def test_exceptions_are_cases(name: str) -> None:
    assert name in {case.name for case in CASES}


def test_detect_reports_what_the_diagnosis_found() -> None:
    case = next(case for case in CASES if case.name == "two-subnets")
    host = parse_host(case.snapshot)
    detection = detect(host, choices_of(case), Kept())
    assert detection.problems == find_problems(host, detection.plan)
    assert len(list(detection.problems)) == len(detection.problems) > 0
    assert list(detection.remaining) == []


def test_addresses_with_the_same_wrong_answers_stand_together() -> None:
    """One that is held twice, with two lengths, is one source."""
    assert _groups_with_a_rule_for_the_second("203.0.113.0/24") == ["192.0.2.10", "198.51.100.10 198.51.100.11"]


def test_an_address_that_is_wrong_in_another_way_stands_apart() -> None:
    assert _groups_with_a_rule_for_the_second(f"{FAR_AWAY[Family.IPV4][0]}/32") == [
        "192.0.2.10",
        "198.51.100.10",
        "198.51.100.11",
    ]


def _groups_with_a_rule_for_the_second(destination: str) -> list[str]:
    """The sources of each group. The rule tells an address of eth1 apart, and mends its answers to ``destination``."""
    eth1 = make_link("eth1", ("198.51.100.10/24", "198.51.100.11/24", "198.51.100.10/32"))
    second = single_address(ipaddress.ip_address("198.51.100.11"))
    host = make_host(
        {"eth0": "192.0.2.10/24", "eth1": eth1},
        [
            "default via 192.0.2.1 dev eth0",
            "default via 198.51.100.1 dev eth1 metric 9",
            "default via 198.51.100.1 dev eth1 table 7",
        ],
    )
    rule = make_rule(Family.IPV4, 100, source=second, destination=ipaddress.ip_network(destination), table=7)
    host = replace(host, rules=(*host.rules, rule))
    return [" ".join(map(str, group.sources)) for group in find_problems(host, plan_for(host)).groups]
