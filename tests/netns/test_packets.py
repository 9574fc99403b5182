"""The promise by packets: requests by both uplinks are answered by the same, whatever else is on the host.

The plan is the command line's own: ``asymgen commands | sh`` inside the host, from what it sees live.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.namespaces import Namespace
from tests.packet_lab import PacketLab, packet_lab

pytestmark = pytest.mark.netns

TREE = Path(__file__).resolve().parents[2]
FIRST = ("192.0.2.10", "2001:db8:a::10")
SECOND = ("198.51.100.10", "2001:db8:b::10")
GATEWAYS = ("--gateway", "eth1=198.51.100.1", "--gateway", "eth1=2001:db8:b::1")


@pytest.fixture
def lab() -> Iterator[PacketLab]:
    with packet_lab() as made:
        yield made


def load(host: Namespace, *options: str) -> None:
    """``asymgen commands … | sh`` in the host."""
    made = host.run(sys.executable, "-m", "asymgen", "commands", *GATEWAYS, *options, cwd=TREE)
    host.run("sh", input=made.stdout)


def assert_promise(lab: PacketLab) -> None:
    lab.reset()
    for address in (*FIRST, *SECOND):
        assert lab.pings(address), f"ping {address}"
        assert lab.connects(address), f"TCP {address}"
    assert lab.wrong() == 0


def add_bridge(host: Namespace, name: str, inside: str, *, ipv6: str | None = None) -> None:
    """A container network: a bridge with one "container" that is a veth end in a corner of its own."""
    host.ip("link", "add", name, "type", "bridge")
    host.ip("address", "add", inside, "dev", name)
    if ipv6:
        host.ip("-6", "address", "add", ipv6, "dev", name, "nodad")
    host.ip("link", "add", f"{name}-in", "type", "veth", "peer", "name", f"{name}-out")
    host.ip("link", "set", f"{name}-in", "master", name)
    for link in (name, f"{name}-in", f"{name}-out"):
        host.ip("link", "set", link, "up")


def device(host: Namespace, destination: str, source: str) -> str:
    answer = host.route_get(6 if ":" in destination else 4, destination, source)
    assert answer is not None
    return str(answer["dev"])


def test_without_source_routing_the_second_uplink_is_dead(lab: PacketLab) -> None:
    assert [lab.pings(address) for address in FIRST] == [True, True]
    assert [lab.pings(address) for address in SECOND] == [False, False]


def test_both_uplinks_answer_by_themselves(lab: PacketLab) -> None:
    load(lab.host)
    assert_promise(lab)


def test_removing_the_rules_is_noticed(lab: PacketLab) -> None:
    load(lab.host)
    for version in ("-4", "-6"):
        lab.host.ip(version, "rule", "flush", "protocol", "97")
    assert [lab.pings(address) for address in SECOND] == [False, False]


def test_a_loose_or_absent_reverse_path_filter_shows_the_wrong_answers() -> None:
    with packet_lab(rp_filter=0) as lab:
        assert not lab.pings(SECOND[0])
        assert lab.wrong() > 0, "the answer left by eth0, and the provider dropped it"
        load(lab.host)
        assert_promise(lab)


def test_containers_are_reached_from_both_uplinks_also_new_ones(lab: PacketLab) -> None:
    add_bridge(lab.host, "docker0", "172.17.0.1/16", ipv6="2001:db8:b:0:d::1/80")
    load(lab.host)
    add_bridge(lab.host, "br-01234567", "172.18.0.1/16", ipv6="2001:db8:a:0:d::1/80")
    assert_promise(lab)
    for source in (FIRST[0], SECOND[0]):
        assert device(lab.host, "172.17.0.5", source) == "docker0"
        assert device(lab.host, "172.18.0.5", source) == "br-01234567"
    for source in (FIRST[1], SECOND[1]):
        assert device(lab.host, "2001:db8:b:0:d::5", source) == "docker0"
        assert device(lab.host, "2001:db8:a:0:d::5", source) == "br-01234567"


def add_tunnel(host: Namespace) -> None:
    """A VPN's interface: packets that enter it are gone."""
    host.ip("tuntap", "add", "mode", "tun", "name", "tun0")
    host.ip("address", "add", "10.8.0.2/24", "dev", "tun0")
    host.ip("-6", "address", "add", "fd00:8::2/64", "dev", "tun0", "nodad")
    host.ip("link", "set", "tun0", "up")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_vpn_of_two_halves_does_not_swallow_answers(lab: PacketLab, when: str) -> None:
    add_tunnel(lab.host)
    if when == "after":
        load(lab.host)
    for half in ("0.0.0.0/1", "128.0.0.0/1"):
        lab.host.ip("route", "add", half, "dev", "tun0")
    for half in ("::/3", "2000::/4", "3000::/4"):
        lab.host.ip("-6", "route", "add", half, "dev", "tun0")
    if when == "before":
        assert not lab.pings(FIRST[0]), "negative control: the tunnel takes the answers"
        load(lab.host)
    assert_promise(lab)
    unbound = lab.host.route_get(4, "203.0.113.200")
    assert unbound is not None
    assert unbound["dev"] == "tun0"


def test_wg_quick_that_is_up_already_does_not_swallow_answers(lab: PacketLab) -> None:
    """wg-quick's own rule commands; the jump goes before them where they stand before ours."""
    add_tunnel(lab.host)
    lab.host.ip("rule", "add", "pref", "900", "from", "203.0.113.77", "lookup", "main")
    for version in ("-4", "-6"):
        lab.host.ip(version, "route", "add", "default", "dev", "tun0", "table", "51820")
        lab.host.ip(version, "rule", "add", "not", "fwmark", "51820", "table", "51820")
        lab.host.ip(version, "rule", "add", "table", "main", "suppress_prefixlength", "0")
    assert not lab.pings(FIRST[0]), "negative control: the tunnel takes the answers"
    load(lab.host)
    assert_promise(lab)
    for destination, family in (("203.0.113.200", 4), ("2001:db8:f::200", 6)):
        unbound = lab.host.route_get(family, destination)
        assert unbound is not None
        assert unbound["dev"] == "tun0", "what is unbound still enters the tunnel"


def test_routes_of_a_daemon_that_come_later_through_the_uplink_count(lab: PacketLab) -> None:
    """As Calico writes them: a pod network by a node on eth1's subnet."""
    load(lab.host)
    lab.host.ip("route", "add", "10.244.7.0/26", "via", "198.51.100.77", "dev", "eth1", "proto", "80")
    answer = lab.host.route_get(4, "10.244.7.9", SECOND[0])
    assert answer is not None
    assert (answer["dev"], answer["gateway"]) == ("eth1", "198.51.100.77")
    answer = lab.host.route_get(4, "10.244.7.9", FIRST[0])
    assert answer is not None
    assert (answer["dev"], answer["gateway"]) == ("eth0", "192.0.2.1")
    assert_promise(lab)


def test_loading_twice_and_undoing(lab: PacketLab) -> None:
    before = everything(lab.host)
    load(lab.host)
    once = everything(lab.host)
    load(lab.host)
    assert everything(lab.host) == once != before
    undo = lab.host.run(sys.executable, "-m", "asymgen", "commands", "--undo", *GATEWAYS, cwd=TREE)
    lab.host.run("sh", input=undo.stdout)
    assert everything(lab.host) == before


def test_commands_of_another_plan_take_the_old_ones_away(lab: PacketLab) -> None:
    load(lab.host)
    load(lab.host, "--rule-by", "address", "--table-base", "70")
    held = everything(lab.host)
    assert "lookup 70" in held
    assert "from 198.51.100.10 iif lo" in held
    assert "from 198.51.100.0/24" not in held
    assert " table 2 " not in held
    assert_promise(lab)


def test_a_former_uplink_leaves_its_device_group(lab: PacketLab) -> None:
    """Else the guard would go on hiding the networks behind it."""
    lab.host.ip("link", "add", "eth2", "type", "veth", "peer", "name", "eth2-out")
    lab.host.ip("address", "add", "203.0.113.10/26", "dev", "eth2")
    for link in ("eth2", "eth2-out"):
        lab.host.ip("link", "set", link, "up")
    load(lab.host, "--gateway", "eth2=203.0.113.1")
    assert device(lab.host, "203.0.113.44", FIRST[0]) == "eth0"
    load(lab.host, "--gateway", "eth2=none")
    assert "('eth2', 'default')" in everything(lab.host)
    assert device(lab.host, "203.0.113.44", FIRST[0]) == "eth2"


def everything(host: Namespace) -> str:
    """All rules, routes of all tables and device groups, as text."""
    parts = [host.ip(version, kind, *rest) for version in ("-4", "-6")
             for kind, rest in (("rule", ("show",)), ("route", ("show", "table", "all")))]  # fmt: skip
    groups = sorted((link["ifname"], link["group"]) for link in host.json("link"))
    return "\n".join(parts) + str(groups)
