"""verify: a host that holds the plan has no fault; each thing that breaks is found, named, and only that."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from asymgen.detection import Detection, detect
from asymgen.findings import Finding, Severity, is_wrong
from asymgen.lookup import after
from asymgen.model import (
    Choices,
    Family,
    Host,
    Kept,
    KernelState,
    ManagedInterface,
    Managers,
    Route,
    Rule,
    RuleAction,
    Sysctl,
)
from asymgen.verify import KernelAnswer, verify
from asymgen.verify_unbound import kernel_connection
from tests.hosts import make_host, make_link, make_route, make_rule

CHOICES = Choices(backends={"": "sysv"})


def two_uplinks(**fields: Any) -> Host:
    return make_host(
        {"eth0": "192.0.2.10/24", "eth1": "198.51.100.10/24", **fields.pop("more", {})},
        ["default via 192.0.2.1 dev eth0", "default via 198.51.100.1 dev eth1 metric 100", *fields.pop("routes", ())],
        managers=Managers(init="systemd"),
        **fields,
    )


def planned(host: Host) -> KernelState:
    return detect(host, CHOICES, Kept()).state


def loaded(host: Host, state: KernelState) -> Host:
    """``host`` with ``state`` in its kernel."""
    groups = {member.interface: member.group for member in state.groups}
    return replace(
        host,
        rules=tuple(sorted([*host.rules, *state.rules], key=lambda rule: (rule.family, rule.priority))),
        routes=(*host.routes, *state.routes),
        links=tuple(replace(link, group=groups.get(link.name, 0)) for link in host.links),
    )


def healthy(**fields: Any) -> Host:
    host = two_uplinks(**fields)
    return loaded(host, planned(host))


def look(host: Host, asked: Iterable[KernelAnswer] = (), **choices: Any) -> Detection:
    return detect(host, replace(CHOICES, **choices), Kept())


def found(host: Host, asked: Iterable[KernelAnswer] = (), **choices: Any) -> list[Finding]:
    return list(verify(look(host, **choices), None, asked=asked))


def checks(host: Host, **choices: Any) -> list[tuple[str, str]]:
    """Severity and name of what is more than worth knowing."""
    return [(one.severity.word, one.check) for one in found(host, **choices) if one.severity > Severity.INFO]


def without(rules: Iterable[Rule], **fields: Any) -> tuple[Rule, ...]:
    return tuple(rule for rule in rules if not all(getattr(rule, name) == value for name, value in fields.items()))


def test_a_host_that_holds_the_plan_is_right() -> None:
    told = found(healthy())
    assert not is_wrong(told)
    assert [one.check for one in told] == ["no-event"]


def test_a_host_without_the_plan_is_told_so_once() -> None:
    told = checks(two_uplinks())
    assert told.count(("error", "not-applied")) == 1
    assert {check for _, check in told} == {"answer", "not-applied"}


def test_a_missing_rule_is_named_with_what_it_does_to_answers() -> None:
    host = healthy()
    host = replace(host, rules=without(host.rules, table=2, suppress_prefixlength=None))
    told = {one.check: one for one in found(host)}
    assert told["rule-missing"].what.endswith("rule add pref 32013 from 198.51.100.0/24 iif lo lookup 2")
    assert "198.51.100.10" in told["answer"].what
    assert "should leave by eth1 via 198.51.100.1" in told["answer"].what


def test_a_rule_twice_is_a_warning() -> None:
    host = healthy()
    twice = next(rule for rule in host.rules if rule.table == 2)
    assert checks(replace(host, rules=(*host.rules, twice))) == [("warning", "rule-duplicated")]


def change_routes(host: Host, change: Any) -> Host:
    return replace(host, routes=tuple(filter(None, map(change, host.routes))))


def test_an_empty_table_is_silent_asymmetry() -> None:
    host = change_routes(healthy(), lambda route: None if route.table == 2 else route)
    assert ("error", "table-empty") in checks(host)
    assert ("error", "answer") in checks(host)


def test_an_empty_table_of_a_link_that_is_down_is_a_warning() -> None:
    host = change_routes(healthy(), lambda route: None if route.table == 2 else route)
    down = make_link("eth1", "198.51.100.10/24", flags=frozenset({"BROADCAST"}), mac=host.links[2].mac, group=9701)
    host = replace(host, links=(*host.links[:2], down))
    assert ("warning", "table-empty") in checks(host)


def test_a_route_by_another_router_is_changed_not_missing() -> None:
    def other_router(route: Route) -> Route:
        if route.table != 2 or route.destination.prefixlen:
            return route
        return make_route("default via 198.51.100.254 dev eth1 table 2 proto 97")

    told = [one for one in found(change_routes(healthy(), other_router)) if one.check.startswith("route")]
    assert [one.check for one in told] == ["route-changed"]
    assert "goes by eth1 via 198.51.100.254" in told[0].what


def test_a_missing_subnet_route_is_named() -> None:
    def no_subnet(route: Route) -> Route | None:
        return None if route.table == 2 and route.destination.prefixlen else route

    assert ("error", "route-missing") in checks(change_routes(healthy(), no_subnet))


def test_a_device_group_that_somebody_reset() -> None:
    host = healthy()
    links = tuple(replace(link, group=0) if link.name == "eth1" else link for link in host.links)
    assert ("error", "group") in checks(replace(host, links=links))


def test_a_setting_that_somebody_reset() -> None:
    host = make_host(
        {"eth0": "192.0.2.10/24", "eth1": "192.0.2.11/24"}, ["default via 192.0.2.1 dev eth0"],
        managers=Managers(init="systemd"), sysctls={"net/ipv4/conf/eth0/arp_filter": "0"},
    )  # fmt: skip
    state = planned(host)
    assert Sysctl in map(type, state.sysctls)
    assert ("warning", "setting") in checks(loaded(host, state))


def test_an_earlier_plans_rule_is_stale() -> None:
    host = healthy()
    old = make_rule(Family.IPV4, 31003, source="203.0.113.0/24", iif="lo", table=9, protocol=97)
    assert checks(replace(host, rules=(*host.rules, old))) == [("warning", "stale")]


def test_a_tunnel_rule_that_got_ahead() -> None:
    """wg-quick comes up on a host that holds the plan."""
    host = healthy(more={"wg0": make_link("wg0", "10.9.0.2/24", kind="wireguard")})
    theirs = [
        make_rule(Family.IPV4, 31999, mark=51820, inverted=True, table=51820, protocol=3),
        make_rule(Family.IPV4, 31998, table=254, suppress_prefixlength=0, protocol=3),
    ]
    host = replace(
        host,
        rules=tuple(sorted([*host.rules, *theirs], key=lambda rule: (rule.family, rule.priority))),
        routes=(*host.routes, make_route("default dev wg0 table 51820")),
    )
    told = {one.check: one for one in reversed(found(host))}
    assert "probably wg-quick" in told["ahead"].what
    assert "fwmark 0xca6c lookup 51820" in told["ahead"].what
    assert "leave by wg0 directly" in told["answer"].what


def test_with_a_jump_before_it_the_tunnel_rule_is_no_fault() -> None:
    host = healthy(more={"wg0": make_link("wg0", "10.9.0.2/24", kind="wireguard")})
    theirs = make_rule(Family.IPV4, 30000, mark=51820, inverted=True, table=51820, protocol=3)
    host = replace(
        host,
        rules=tuple(sorted([*host.rules, theirs], key=lambda rule: (rule.family, rule.priority))),
        routes=(*host.routes, make_route("default dev wg0 table 51820")),
    )
    jumping = planned(host)
    assert any(rule.action is RuleAction.GOTO for rule in jumping.rules)
    jumps = [rule for rule in jumping.rules if rule.action is RuleAction.GOTO]
    host = replace(host, rules=tuple(sorted([*host.rules, *jumps], key=lambda rule: (rule.family, rule.priority))))
    assert checks(host) == []


@pytest.mark.parametrize(
    "theirs",
    [
        make_rule(Family.IPV4, 32015, source="203.0.113.0/24", table=254, protocol=3),
        make_rule(Family.IPV4, 900, source="203.0.113.0/24", table=2, protocol=3),
    ],
    ids=["priority", "table"],
)
def test_a_number_that_somebody_else_uses_now(theirs: Rule) -> None:
    host = healthy()
    assert ("warning", "number-taken") in checks(replace(host, rules=(*host.rules, theirs)))


def test_unbound_traffic_that_moves_on_to_the_other_uplink() -> None:
    """main's default names eth1's address, so a connection begins at eth0 and goes on by eth1."""

    def with_source(route: Route) -> Route:
        is_default = route.table == 254 and route.destination.prefixlen == 0 and route.metric == 0
        return replace(route, preferred_source=ipaddress.ip_address("198.51.100.10")) if is_default else route

    told = [one for one in found(change_routes(healthy(), with_source)) if one.check == "unbound"]
    assert told, "moved on"
    assert "gets the source 198.51.100.10 for the way eth0 via 192.0.2.1, then leaves by eth1" in told[0].what


def test_the_kernels_word_counts_more_than_the_models() -> None:
    host = healthy()
    wrong = KernelAnswer(
        ipaddress.ip_address("198.51.100.10"), ipaddress.ip_address("45.45.45.45"),
        ("eth0", ipaddress.ip_address("192.0.2.1")),
    )  # fmt: skip
    told = {one.check: one for one in found(host, [wrong])}
    assert told["answer"].severity is Severity.ERROR
    assert "leave by eth0 via 192.0.2.1" in told["answer"].what
    assert "asymgen's model eth1 via 198.51.100.1" in told["model"].what


def unbound_by_the_kernel(first: tuple[str, str], settled: tuple[str, str]) -> list[str]:
    """The findings where the kernel chose 192.0.2.10 and sends an unbound socket's packets by these ways."""
    (one, via_one), (two, via_two) = first, settled
    told = kernel_connection(
        ipaddress.ip_address("45.45.45.45"), first=(one, ipaddress.ip_address(via_one)),
        source=ipaddress.ip_address("192.0.2.10"), settled=(two, ipaddress.ip_address(via_two)),
    )  # fmt: skip
    return [each.what for each in verify(look(healthy()), None, connections=[told]) if each.check == "unbound"]


def test_the_kernels_word_on_unbound_sockets_counts_too() -> None:
    one, two = ("eth0", "192.0.2.1"), ("eth1", "198.51.100.1")
    assert unbound_by_the_kernel(one, one) == []
    assert "then leaves by eth1 via 198.51.100.1" in unbound_by_the_kernel(one, two)[0]
    assert "leaves by eth1 via 198.51.100.1, without asymgen's rules by eth0" in unbound_by_the_kernel(two, two)[0]


def test_a_table_that_somebody_else_uses_now() -> None:
    host = healthy()
    theirs = make_route("203.0.113.0/24 via 198.51.100.77 dev eth1 table 2 proto 16")
    host = replace(host, routes=(*host.routes, theirs))
    assert ("warning", "number-taken") in checks(host)
    learning = by_networkd(host)
    told = verify(detect(learning, Choices(), Kept()), None)
    assert "number-taken" not in [one.check for one in told], "networkd puts there what a DHCP server sent"


def test_a_refusal_of_the_kernel_is_an_error_in_its_words() -> None:
    refused = KernelAnswer(
        ipaddress.ip_address("192.0.2.10"), ipaddress.ip_address("45.45.45.45"), None, "No route to host"
    )
    told = {one.check: one for one in found(healthy(), [refused])}
    assert "nowhere (No route to host)" in told["answer"].what


def test_strict_reverse_path_with_marks() -> None:
    host = healthy(sysctls={"net/ipv4/conf/all/rp_filter": "1", "net/ipv4/conf/eth0/src_valid_mark": "0"})
    assert checks(host) == []
    marked = make_rule(Family.IPV4, 500, mark=1, mask=1, table=77, protocol=3)
    assert ("warning", "src-valid-mark") in checks(replace(host, rules=(*host.rules, marked)))


def test_udp_servers_without_an_address_are_worth_knowing() -> None:
    sockets = frozenset({(Family.IPV4, 53), (Family.IPV4, 68), (Family.IPV6, 161)})
    told = [one for one in found(healthy(udp_wildcards=sockets)) if one.check == "udp-wildcard"]
    assert [one.severity for one in told] == [Severity.INFO]
    assert told[0].what.endswith("port 53"), "no DHCP client, and nothing of a family without work"


def test_nothing_to_do_is_right() -> None:
    host = make_host({"eth0": "192.0.2.10/24"}, ["default via 192.0.2.1 dev eth0"])
    assert found(host) == []


def test_the_loaded_state_is_what_the_model_of_after_says() -> None:
    """``loaded`` above stands for the kernel: it must be what the lookup's own "after" makes."""
    host = two_uplinks()
    state = planned(host)
    mended = after(host, state)
    assert {rules[at] for rules in mended._rules.values() for at in range(len(rules))} == set(loaded(host, state).rules)


def test_a_cloud_agent_is_named_with_what_to_do() -> None:
    host = healthy()
    host = replace(host, managers=replace(host.managers, rivals=("nm-cloud-setup",)))
    [told] = [one for one in found(host) if one.check == "rival"]
    assert told.severity is Severity.WARNING
    assert "nm-cloud-setup.timer" in told.do


def test_networkd_that_removes_the_rules_of_a_hook() -> None:
    host = healthy()
    managers = replace(host.managers, running=frozenset({"networkd"}), networkd_removes=("rules", "hostile"))
    told = [one for one in found(replace(host, managers=managers)) if one.check == "networkd-removes"]
    assert [("ManageForeignRoutingPolicyRules=no" in one.do) for one in told] == [True]


def by_networkd(host: Host) -> Host:
    """Both uplinks managed by systemd-networkd, which removes what others set up."""
    interfaces = {
        name: ManagedInterface("networkd", file=f"/etc/systemd/network/{name}.network") for name in ("eth0", "eth1")
    }
    managers = replace(
        host.managers, interfaces=interfaces, installed={"networkd": "252"}, running=frozenset({"networkd"}),
        networkd_removes=("rules", "routes"),
    )  # fmt: skip
    return replace(host, managers=managers)


def test_networkds_own_rules_are_not_foreign_to_it() -> None:
    detection = detect(by_networkd(healthy()), Choices(), Kept())
    assert [use.name for use in detection.backends] == ["systemd-networkd"]
    assert "networkd-removes" not in [one.check for one in verify(detection, None)]
