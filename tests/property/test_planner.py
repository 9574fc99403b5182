"""Properties of the planner, the lowering and the writers, for random hosts with two to four interfaces.

The order of links and addresses says nothing and must not matter. The order of rules does (the kernel asks them
in order within a priority), and that of routes to one destination with one metric does, so neither is shuffled.
"""

from __future__ import annotations

import ipaddress
import random
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asymgen.backends import BACKENDS
from asymgen.backends.shell import capabilities
from asymgen.detection import detect
from asymgen.errors import UnsupportedError
from asymgen.iproute2 import route_words, rule_words
from asymgen.lowering import lower
from asymgen.model import Capabilities, Choices, Family, Host, Kept, Link, Plan, Rule
from asymgen.numbers import PRIORITIES_EACH
from asymgen.planner import plan
from asymgen.system.files import remove_all, write_files
from tests.file_trees import listing
from tests.hosts import make_host, make_rule
from tests.namespaces import Namespace, namespace

NO_GROUPS = Capabilities(suppress_ifgroup=False)
NO_SUPPRESSORS = Capabilities(suppress_prefixlength=False, suppress_ifgroup=False)


@st.composite
def hosts(draw: st.DrawFn) -> Host:
    """Interfaces on three subnets per family, some with a default, some with an alias; now and then others' rules."""
    interfaces: dict[str, list[str]] = {}
    routes = []
    for number in range(draw(st.integers(2, 4))):
        subnet = draw(st.integers(0, 2))
        name = draw(st.sampled_from(("eth{}", "ens{}", "eth0.{}00", "docker{}", "x-{}"))).format(number)
        addresses = [f"192.0.{subnet}.{10 + number}/24", f"2001:db8:{subnet}::{10 + number:x}/64"]
        if draw(st.booleans()):
            addresses.append(f"192.0.{subnet}.{110 + number}/24")
        interfaces[name] = addresses[: draw(st.integers(1, 3))]
        for gateway, family in ((f"192.0.{subnet}.1", 4), (f"2001:db8:{subnet}::1", 6)):
            if draw(st.integers(0, 3)) and any((":" in one) == (family == 6) for one in interfaces[name]):
                table = draw(st.sampled_from((254, 254, 7)))
                routes.append(f"default via {gateway} dev {name} metric {100 + number} table {table} family {family}")
        if draw(st.booleans()):
            routes.append(
                f"10.{draw(st.integers(0, 2))}.0.0/{draw(st.sampled_from((12, 16, 24)))} dev {name} metric {number}"
            )
    marked = st.builds(make_rule, st.just(Family.IPV4), st.integers(1, 32700), table=st.integers(1, 9), mark=st.just(3))
    rules = draw(st.lists(marked, max_size=2, unique_by=lambda rule: rule.priority))
    forwarding = {f"net/ipv4/conf/{name}/forwarding": "1" for name in interfaces} if draw(st.booleans()) else {}
    return make_host(interfaces, [_masked(route) for route in routes], rules=rules, sysctls=forwarding)


def _masked(route: str) -> str:
    where, _, rest = route.partition(" ")
    return route if where == "default" else f"{ipaddress.ip_network(where, strict=False)} {rest}"


def planned(host: Host) -> Plan | None:
    try:
        return plan(host, Choices(), Kept())
    except UnsupportedError:
        return None


@given(host=hosts(), seed=st.integers(0, 1000))
def test_the_order_of_links_and_addresses_is_irrelevant(host: Host, seed: int) -> None:
    shuffled = random.Random(seed)  # noqa: S311 - not for secrets

    def mixed(link: Link) -> Link:
        return replace(link, addresses=tuple(shuffled.sample(link.addresses, len(link.addresses))))

    other = replace(host, links=tuple(mixed(link) for link in shuffled.sample(host.links, len(host.links))))
    assert comparable(planned(other)) == comparable(planned(host))


def comparable(found: Plan | None) -> object:
    """A plan without the order of what is only listed: addresses and prefixes of an uplink, other interfaces."""
    if found is None:
        return None
    uplinks = [
        replace(
            up,
            addresses=tuple(sorted(up.addresses, key=lambda one: int(one.address))),
            prefixes=tuple(sorted(up.prefixes)),
        )
        for up in found.uplinks
    ]
    listed = (
        sorted(found.others, key=str),
        sorted(found.unresolved, key=str),
        sorted(found.sysctls, key=str),
        set(found.notes),
    )
    return uplinks, *listed, found.groups, found.active, found.repeats, found.jumps, found.main


@given(host=hosts())
def test_numbers_are_unique_and_in_range(host: Host) -> None:
    found = planned(host)
    if found is None:
        return
    by_interface = {(up.interface, up.table): up.priority for up in found.uplinks}
    tables = [table for _, table in by_interface]
    assert len(set(tables)) == len(tables)
    assert all(1 <= table < 1 << 32 and table not in (253, 254, 255) for table in tables)
    taken = {rule.table for rule in host.rules} | {route.table for route in host.routes}
    assert not taken & set(tables)
    firsts = sorted(by_interface.values())
    assert all(later - earlier >= PRIORITIES_EACH for earlier, later in zip(firsts, firsts[1:]))
    assert all(first >= 1 and first + PRIORITIES_EACH <= 32766 for first in firsts)
    assert found.groups[0] != found.groups[1]
    assert 0 not in found.groups


@given(host=hosts(), can=st.sampled_from((Capabilities(), NO_GROUPS, NO_SUPPRESSORS)))
def test_rules_stay_inside_their_uplinks_priorities_and_sources(host: Host, can: Capabilities) -> None:
    found = planned(host)
    if found is None:
        return
    jumps = {jump.priority for jump in found.jumps}
    for state in lower(found, can).uplinks:
        up = state.uplink
        assert len(set(state.rules)) == len(state.rules)
        for rule in state.rules:
            assert rule.priority in range(up.priority, up.priority + PRIORITIES_EACH) or rule.priority in jumps
            assert rule.protocol == 97
            assert rule.iif == "lo"
            assert selects_only(rule, up.sources, tuple(one.address for one in up.addresses))
        assert {route.table for route in state.routes} == {up.table}


def selects_only(rule: Rule, sources: tuple[object, ...], addresses: tuple[object, ...]) -> bool:
    """A rule of ours matches sources of its own uplink alone (promise 3)."""
    assert rule.source is not None
    inside = any(rule.source == one or rule.source.subnet_of(one) for one in sources)  # type: ignore[arg-type]
    return inside or rule.source.network_address in addresses


@given(host=hosts())
def test_the_plan_is_the_same_with_its_own_numbers_kept(host: Host) -> None:
    found = planned(host)
    if found is not None:
        again = plan(host, Choices(), found.kept)
        assert again.uplinks == found.uplinks
        assert again.kept == found.kept


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(host=hosts(), backend=st.sampled_from(sorted(BACKENDS)))
def test_written_twice_is_nothing_and_removed_is_as_before(host: Host, backend: str) -> None:
    try:
        found = detect(host, Choices(backends={"": backend}), Kept())
    except UnsupportedError:
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        before = listing(root)
        write_files(root, found.files)
        once = listing(root)
        again = write_files(root, found.files)
        assert again.changes.pending == ()
        assert listing(root) == once
        remove_all(root)
        assert listing(root) == before


@pytest.mark.netns
def test_the_kernel_takes_every_rule_and_route_and_shows_it_as_rendered() -> None:
    """ip -batch accepts what is rendered, and ``ip -N`` prints the very words again."""

    @settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
    @given(host=hosts())
    def check(host: Host) -> None:
        found = planned(host)
        if found is None or found.nothing_to_do:
            return
        with namespace("plan") as net:
            load(net, host)
            for state in lower(found, capabilities(host)).uplinks:
                family = state.uplink.family
                routes = [" ".join(route_words(route)) for route in state.routes]
                rules = [" ".join(rule_words(rule)) for rule in state.rules]
                net.batch("\n".join(f"route replace {words}" for words in routes), family=family)
                net.batch("\n".join(f"rule add {words}" for words in rules), family=family)
                assert set(rules) <= set(shown_rules(net, family))

    check()


def shown_rules(net: Namespace, family: Family) -> list[str]:
    """What ``ip -N rule`` prints, in the words of ``ip rule add``."""
    lines = net.ip(f"-{family:d}", "-N", "rule").splitlines()
    return [" ".join(f"pref {line}".replace(":", " ", 1).split()).replace(" proto ", " protocol ") for line in lines]


def load(net: Namespace, host: Host) -> None:
    """The host's interfaces and addresses; its routes do not matter here."""
    lines = []
    for link in host.links[1:]:
        lines += [f"link add {link.name} type bridge", f"link set dev {link.name} addrgenmode none up"]
        lines += [
            f"addr add {one.address}/{one.prefixlength} dev {link.name}{' nodad' * (one.family is Family.IPV6)}"
            for one in link.addresses
        ]
    net.batch("\n".join(lines))
