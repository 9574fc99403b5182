"""Random rules, tables and questions for one namespace, and how to put them to its kernel.

Nothing here reads the kernel back: what the model is told is made here, and what the
kernel is told is made from the same values, so a parser's mistake cannot hide one of the model.
"""

from __future__ import annotations

import ipaddress
import json
import random
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from asymgen.iproute2 import rule_words
from asymgen.lookup import Packet
from asymgen.model import (
    TABLE_LOCAL,
    TABLE_MAIN,
    Address,
    Family,
    InterfaceAddress,
    Link,
    Network,
    NextHop,
    Range,
    Route,
    RouteType,
    Rule,
    RuleAction,
)  # fmt: skip
from tests.namespaces import Namespace

_Any = TypeVar("_Any")

TABLES = (TABLE_MAIN, 101, 102, 103)
GROUPS = (0, 41, 42)
QUESTIONS = 64
UPLINKS = ("upa", "upb", "upc")
WITHOUT_CARRIER = ("deada", "deadb")  # deadb has ignore_routes_with_linkdown
DEVICES = (*UPLINKS, *WITHOUT_CARRIER, "ifx", "brx", "mvx")
SYSCTLS = {
    "net/ipv4/conf/deadb/ignore_routes_with_linkdown": "1",
    "net/ipv6/conf/deadb/ignore_routes_with_linkdown": "1",
}


def _held(text: str, *, scope: str = "global", **marks: Any) -> InterfaceAddress:
    address, _, length = text.partition("/")
    return InterfaceAddress(ipaddress.ip_address(address), int(length), scope, **marks)


ADDRESSES: dict[str, tuple[InterfaceAddress, ...]] = {
    "lo": (_held("127.0.0.1/8", scope="host"), _held("::1/128", scope="host")),
    "upa": (
        _held("10.1.0.10/24"), _held("10.1.128.10/20"), _held("10.1.0.11/24", secondary=True),
        _held("2001:db8:1::10/64"), _held("fd00:1::10/64"), _held("2001:db8:1:8000::10/64", deprecated=True),
    ),
    "upb": (
        _held("10.2.0.10/24", scope="link"), _held("10.2.0.20/32"), _held("10.1.0.77/32"),
        _held("2001:db8:2::10/64"), _held("2001:db8:2::11/64"), _held("fe80::b/64", scope="link"),
    ),
    "upc": (_held("10.3.0.10/24"), _held("192.168.7.1/24"), _held("2001:db8:1::30/128"), _held("2002:303::30/48")),
    "ifx": (),
    "brx": (_held("10.200.0.1/16"), _held("fd00:200::1/64"), _held("2002:c8::1/48"), _held("c000::1/64")),
    "mvx": (_held("10.1.0.12/24"), _held("2001:db8:1::12/64", deprecated=True)),
    "deada": (_held("10.9.0.10/24"), _held("2001:db8:9::10/64")),
    "deadb": (_held("10.9.1.10/24"),),
}  # fmt: skip
FOREIGN = {Family.IPV4: ("10.77.0.7", "203.0.113.7"), Family.IPV6: ("2001:db8:77::7", "2a00:77::7")}
POOLS = {
    Family.IPV4: ("10.1.0.1", "10.1.0.200", "10.1.128.9", "10.2.0.1", "10.3.0.1", "10.9.0.1", "10.9.1.1", "10.200.3.3",
                  "10.77.1.1", "11.0.0.1", "128.0.0.1", "192.168.7.9", "203.0.113.1", "10.1.0.10", "10.1.0.77"),
    Family.IPV6: ("2001:db8:1::1", "2001:db8:1:8000::9", "2001:db8:2::1", "2001:db8:9::1", "fd00:200::9", "fd00:9::1",
                  "2a00:1::1", "2600::1", "4000::1", "2002:404::4", "2001:db8:1::10", "fd00:200::1",
                  "2001:db8:1::ffff"),
}  # fmt: skip
GATEWAYS = {
    Family.IPV4: ("10.1.0.1", "10.1.128.9", "10.2.0.1", "10.3.0.1", "10.77.1.1", "192.168.7.9"),
    Family.IPV6: ("fe80::1", "fe80::2", "fe80::3"),  # others are refused where a route in main leads elsewhere
}
LENGTHS = {Family.IPV4: (0, 1, 4, 7, 8, 12, 16, 24, 32), Family.IPV6: (0, 1, 3, 6, 7, 16, 32, 48, 64, 128)}


def own_addresses(family: Family) -> list[Address]:
    """The addresses that packets may have as source."""
    held = (entry for name, entries in ADDRESSES.items() if name != "lo" for entry in entries)
    return [entry.address for entry in held if entry.family is family and entry.scope == "global"]


def local_routes() -> Iterable[Route]:
    """What the kernel itself puts into table ``local`` (addresses have no prefix route)."""
    for name, entries in ADDRESSES.items():
        for entry in entries:
            yield _local_route(name, entry, ipaddress.ip_network(entry.address))
            if name == "lo" and entry.family is Family.IPV4:
                yield _local_route(name, entry, entry.network)
    for name, entries in ADDRESSES.items():
        for entry in entries:
            if isinstance(entry.network, ipaddress.IPv4Network) and entry.prefixlength < 31 and not entry.secondary:
                last = ipaddress.ip_network(entry.network.broadcast_address)
                hop = (NextHop(name, linkdown=name in WITHOUT_CARRIER),)
                yield Route(
                    Family.IPV4, last, TABLE_LOCAL, RouteType.BROADCAST, hop,
                    scope="link", preferred_source=entry.address,
                )  # fmt: skip


def _local_route(name: str, entry: InterfaceAddress, network: Network) -> Route:
    source = entry.address if entry.family is Family.IPV4 else None
    hops = (NextHop(name, linkdown=name in WITHOUT_CARRIER and entry.family is Family.IPV4),)
    return Route(
        entry.family, network, TABLE_LOCAL, RouteType.LOCAL, hops, scope="host", preferred_source=source
    )  # fmt: skip


def set_up(kernel: Namespace) -> None:
    """Make the devices and addresses once; what an example changes, the next one sets again."""
    for name in (*UPLINKS, *WITHOUT_CARRIER):
        kernel.ip("link", "add", name, "type", "veth", "peer", "name", f"{name}-peer")
    kernel.ip("link", "add", "ifx", "type", "ifb")
    kernel.ip("link", "add", "brx", "type", "bridge")
    kernel.ip("link", "add", "mvx", "link", "upa", "type", "macvlan", "mode", "bridge")
    for name in DEVICES:
        kernel.ip("link", "set", name, "addrgenmode", "none", "up")
    for name in UPLINKS:
        kernel.ip("link", "set", f"{name}-peer", "addrgenmode", "none", "up")
    for key, value in SYSCTLS.items():
        kernel.sysctl(key, value)
    for name in ("all", *DEVICES):  # so that packets of others may be asked about
        for key, number in (("forwarding", 1), ("rp_filter", 0), ("accept_local", 1), ("send_redirects", 0)):
            kernel.sysctl(f"net/ipv4/conf/{name}/{key}", number)
    held = [(name, entry) for name in DEVICES for entry in ADDRESSES[name]]
    # The kernel lists the IPv6 address that came last first.
    lines = [_address_line(name, entry) for name, entry in held if entry.family is Family.IPV4]
    lines += [_address_line(name, entry) for name, entry in reversed(held) if entry.family is Family.IPV6]
    kernel.batch("\n".join(lines) + "\n")
    kernel.ip("-4", "rule", "del", "pref", "0")
    kernel.ip("-6", "rule", "del", "pref", "0")


def _address_line(name: str, entry: InterfaceAddress) -> str:
    words = ["addr", "add", f"{entry.address}/{entry.prefixlength}", "dev", name, "noprefixroute"]
    if entry.family is Family.IPV6:
        words += ["nodad", "preferred_lft", "0" if entry.deprecated else "forever"]
    elif entry.scope != "global":
        words += ["scope", entry.scope]
    return " ".join(words)


# --- worlds by number ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """What one example loads into the kernel, and what it asks."""

    family: Family
    rules: tuple[Rule, ...]
    routes: tuple[Route, ...]
    groups: tuple[int, ...]
    packets: tuple[Packet, ...]

    @property
    def links(self) -> list[Link]:
        """In the kernel's order: by index."""
        groups = dict(zip(DEVICES, self.groups))
        return [Link(name, 0, group=groups.get(name, 0), addresses=ADDRESSES[name]) for name in ("lo", *DEVICES)]


class _Chance(random.Random):
    """Chance from one number. Plain random numbers and not hypothesis: worlds are made ten times as
    fast, and differ more from each other; hypothesis took minutes to shrink one, and to little use."""

    def perhaps(self, choices: Sequence[_Any], *, one_in: int) -> _Any | None:
        return self.choice(choices) if self.randrange(one_in) == 0 else None

    def network(self, family: Family, pool: Sequence[object]) -> Network:
        return ipaddress.ip_network((str(self.choice(pool)), self.choice(LENGTHS[family])), strict=False)

    def perhaps_network(self, family: Family, pool: Sequence[object], *, one_in: int) -> Network | None:
        return self.network(family, pool) if self.randrange(one_in) == 0 else None


_ACTIONS = (RuleAction.LOOKUP,) * 12 + (RuleAction.GOTO,) * 4 + tuple(RuleAction)[2:]
_PRIORITIES = tuple(range(10, 80, 10))
_RANGES = (Range(0, 0), Range(1000, 1000), Range(1000, 2000), Range(1, 65000))
_PORTS = (Range(53, 53), Range(1, 1024), Range(443, 8443))


def _rule(family: Family, chance: _Chance) -> Rule:
    """A rule with any selectors; some have none, most have one or two."""
    action = chance.choice(_ACTIONS)
    is_lookup = action is RuleAction.LOOKUP
    priority = chance.choice(_PRIORITIES)
    ports = chance.perhaps(_PORTS, one_in=8)
    has_source_port = chance.random() < 1 / 2
    mark = chance.perhaps((0, 1, 0x10, 0x11), one_in=6)
    return Rule(
        family,
        priority,
        action,
        table=chance.choice((TABLE_LOCAL, TABLE_MAIN, *TABLES, 109)) if is_lookup else None,
        target=priority + chance.choice((10, 10, 20, 30, 5)) if action is RuleAction.GOTO else None,
        source=chance.perhaps_network(family, (*own_addresses(family), *FOREIGN[family]), one_in=2),
        destination=chance.perhaps_network(family, POOLS[family], one_in=4),
        iif=chance.perhaps(("lo", "lo", "upa", "upb", "ghost0"), one_in=3),
        oif=chance.perhaps(("upa", "upb", "ghost0"), one_in=10),
        mark=mark,
        mask=None if mark is None else chance.choice((1, 0xFF, 0xFFFFFFFF)),
        tos=chance.perhaps((0x04, 0x10, 0x18, 0x40 if family is Family.IPV6 else 0x08), one_in=10),
        ipproto=chance.choice((6, 17)) if ports else None,
        sport=ports if has_source_port else None,
        dport=None if has_source_port else ports,
        uids=chance.perhaps(_RANGES, one_in=8),
        suppress_prefixlength=chance.perhaps(LENGTHS[family], one_in=3) if is_lookup else None,
        suppress_group=chance.perhaps(GROUPS, one_in=3) if is_lookup else None,
        inverted=chance.random() < 1 / 8,
    )


_ROUTE_TYPES = (RouteType.UNICAST,) * 14 + (
    RouteType.THROW, RouteType.THROW, RouteType.BLACKHOLE, RouteType.UNREACHABLE, RouteType.PROHIBIT, RouteType.LOCAL,
)  # fmt: skip


def _hops(family: Family, chance: _Chance) -> tuple[NextHop, ...]:
    """One to three different legs; several only with gateways in IPv6, which merges no others."""
    count = chance.choice((1, 1, 2, 2, 3))
    is_ipv4 = family is Family.IPV4
    legs = {}
    for name in chance.choices(DEVICES, k=count) if is_ipv4 else chance.sample(DEVICES, count):
        has_gateway = (count > 1 and not is_ipv4) or chance.random() < 1 / 2
        gateway = ipaddress.ip_address(chance.choice(GATEWAYS[family])) if has_gateway else None
        weight = chance.choice((1, 1, 2, 5)) if count > 1 else 1
        onlink = has_gateway and is_ipv4
        legs[name, gateway] = NextHop(name, gateway, weight, onlink=onlink, linkdown=name in WITHOUT_CARRIER)
    return tuple(legs.values()) if len(legs) > 1 else (replace(next(iter(legs.values())), weight=1),)


def _route(family: Family, chance: _Chance) -> Route:
    """A route that the kernel takes: IPv4 gateways are ``onlink``, and their routes of scope global."""
    kind = chance.choice(_ROUTE_TYPES)
    is_ipv4 = family is Family.IPV4
    legs = _hops(family, chance) if kind is RouteType.UNICAST else ()
    is_on_link = legs and is_ipv4 and not any(leg.gateway for leg in legs)
    scope = chance.choice(("link", "link", "global")) if is_on_link else "global"
    if kind is RouteType.LOCAL:
        legs, scope = (NextHop(chance.choice(UPLINKS) if is_ipv4 else "lo"),), "host"
    carries_source = kind in (RouteType.UNICAST, RouteType.LOCAL)
    return Route(
        family,
        chance.network(family, POOLS[family]),
        chance.choice(TABLES),
        kind,
        legs,
        metric=chance.choice((0, 0, 5, 9)) if is_ipv4 else chance.choice((1024, 1024, 5, 2000)),
        scope=scope,
        preferred_source=chance.perhaps(own_addresses(family), one_in=5) if carries_source else None,
        tos=chance.choice((0, 0, 0, 0, 0, 0x10, 0x04)) if is_ipv4 else 0,
        source=_route_source(chance) if not is_ipv4 else None,
        preference=chance.choice(("medium", "medium", "low", "high")) if legs and not is_ipv4 else "medium",
    )


def _route_source(chance: _Chance) -> Network | None:
    network = chance.perhaps_network(Family.IPV6, own_addresses(Family.IPV6), one_in=5)
    return network if network is not None and network.prefixlen else None


def _packet(family: Family, chance: _Chance) -> Packet:
    """A packet of a bound or an unbound socket of the host; one in eight is to be forwarded."""
    is_forwarded = chance.random() < 1 / 8
    own: Address | None = None
    if chance.random() < 2 / 3:
        # One that the host does not hold: IPv4 sends nothing from it, IPv6 does not care.
        own = chance.choice([*own_addresses(family), ipaddress.ip_address(FOREIGN[family][0])])
    is_bound_to_interface = not is_forwarded and chance.random() < 1 / 8
    return Packet(
        family,
        ipaddress.ip_address(chance.choice(POOLS[family])),
        ipaddress.ip_address(chance.choice(FOREIGN[family])) if is_forwarded else own,
        iif=chance.choice(UPLINKS) if is_forwarded else "lo",
        oif=chance.choice(("upa", "upb", "upc", "deadb")) if is_bound_to_interface else None,
        mark=chance.choice((0, 0, 1, 0x10, 0x11, 0x110)),
        tos=chance.choice((0, 0, 0, 0x04, 0x10, 0x18, 0x50)),
        ipproto=chance.choice((6, 17)),
        sport=chance.choice((53, 1500, 8000)),
        dport=chance.choice((53, 443, 40000)),
        uid=chance.choice((0, 1000, 1500, 65001)),
    )


def _is_refused(rule: Rule, earlier: Rule) -> bool:
    """The kernel's "File exists" (rule_exists): it compares neither ``not`` nor where a goto leads, and
    ``from``, ``to`` and ``tos`` only where the new rule has them."""
    selectors: tuple[tuple[object, object], ...] = (
        (_given(rule.source), _given(earlier.source)),
        (_given(rule.destination), _given(earlier.destination)),
        (rule.tos, earlier.tos),
    )
    return replace(rule, **_LAX) == replace(earlier, **_LAX) and all(new in (None, old) for new, old in selectors)


_LAX: dict[str, Any] = {"inverted": False, "target": None, "source": None, "destination": None, "tos": None}


def _given(network: Network | None) -> Network | None:
    return network if network is not None and network.prefixlen else None


def _accepted(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    accepted: list[Rule] = []
    for rule in rules:
        if not any(_is_refused(rule, earlier) for earlier in accepted):
            accepted.append(rule)
    return tuple(accepted)


def _routes(family: Family, chance: _Chance) -> tuple[Route, ...]:
    """Routes of which some lead to the same network, so that metric, type and preference tell them apart."""
    made: dict[object, Route] = {}
    for _ in range(chance.randint(6, 24)):
        route = _route(family, chance)
        if made and chance.random() < 1 / 4:
            other = chance.choice(tuple(made.values()))
            route = replace(route, destination=other.destination, table=other.table, metric=other.metric)
        made.setdefault(_route_key(route), route)
    return tuple(made.values())


def _route_key(route: Route) -> tuple[object, ...]:
    """What the kernel keeps apart; IPv6 makes one route of all that have gateways."""
    key = (route.table, route.destination, route.source, route.tos, route.metric)
    if route.family is Family.IPV4:
        return (*key, route.type, route.scope, tuple((leg.interface, leg.gateway) for leg in route.nexthops))
    leg = route.nexthops[0] if route.nexthops else NextHop("lo")
    return (*key, "via" if leg.gateway else leg.interface)


def world(family: Family, *, number: int) -> World:
    """The world of that number; the last rule is mostly the usual one, so that most packets find a way."""
    chance = _Chance(number)
    local = Rule(family, chance.choice((1, 1, 1, 125)), table=TABLE_LOCAL)
    made = (_rule(family, chance) for _ in range(chance.randint(3, 12)))
    main = [Rule(family, 130, table=TABLE_MAIN)] * chance.choice((0, 1, 1))
    return World(
        family,
        _accepted((local, *made, *main)),
        _routes(family, chance),
        tuple(chance.choice(GROUPS) for _ in DEVICES),
        tuple(dict.fromkeys(_packet(family, chance) for _ in range(QUESTIONS))),
    )


# --- the kernel ----------------------------------------------------------------------------------


def _rule_line(rule: Rule) -> str:
    line = f"rule add {' '.join(rule_words(rule))} "
    # Without its mask, a mark of 0 is no selector to the kernel.
    return line.replace(" fwmark 0x0 ", " fwmark 0x0/0xffffffff ")


def _route_line(route: Route) -> str:
    words = ["route", "append", "" if route.type is RouteType.UNICAST else route.type.value, str(route.destination)]
    words += ["from", str(route.source)] * (route.source is not None)
    words += ["table", str(route.table), "metric", str(route.metric)]
    if route.tos:
        words += ["tos", hex(route.tos)]
    if route.preferred_source is not None:
        words += ["src", str(route.preferred_source)]
    if route.family is Family.IPV4 and route.nexthops:
        words += ["scope", route.scope]
    if route.preference != "medium":
        words += ["pref", route.preference]
    for hop in route.nexthops:
        words += ["nexthop"] * (len(route.nexthops) > 1)
        words += ["via", str(hop.gateway)] * (hop.gateway is not None) + ["dev", str(hop.interface)]
        words += ["weight", str(hop.weight)] * (len(route.nexthops) > 1) + ["onlink"] * hop.onlink
    return " ".join(words)


def load(kernel: Namespace, world: World) -> None:
    """Put a world in the place of the one before."""
    flush = ["rule flush", *(f"route flush table {table}" for table in TABLES)]
    _batch(kernel, world.family, flush)  # an empty table is an error to ip(8), and is meant to be empty
    lines = [f"link set dev {name} group {group}" for name, group in zip(DEVICES, world.groups)]
    lines += [_rule_line(rule) for rule in world.rules]
    lines += [_route_line(route) for route in world.routes]
    kernel.batch("\n".join(lines) + "\n", family=world.family)


def ask(kernel: Namespace, world: World) -> list[dict[str, Any] | str]:
    """The kernel's answer to each packet: what ``ip route get`` shows, or its error in words."""
    result = _batch(kernel, world.family, [_question(packet) for packet in world.packets])
    failed: dict[int, str] = {}
    reason = ""
    for line in result.stderr.splitlines():
        if line.startswith("Command failed -:"):
            failed[int(line.rpartition(":")[2])] = reason
        else:
            reason = line.rpartition(": ")[2]
    shown = iter([json.loads(line)[0] for line in result.stdout.splitlines() if line])
    answers = [failed[number] if number in failed else next(shown) for number in range(1, len(world.packets) + 1)]
    assert next(shown, None) is None
    return answers


def _question(packet: Packet) -> str:
    words = ["route get", str(packet.destination)]
    for name in ("source", "iif", "oif"):
        value = getattr(packet, name)
        if value not in (None, "lo"):
            words += ["from" if name == "source" else name, str(value)]
    # A packet to be forwarded is root's to the kernel; only IPv6's "route get" lets one say otherwise.
    words += ["mark", hex(packet.mark), "uid", str(packet.uid if packet.is_own else 0)]
    if packet.tos:
        words += ["tos", hex(packet.tos)]
    words += ["ipproto", str(packet.ipproto), "sport", str(packet.sport), "dport", str(packet.dport)]
    return " ".join(words)


def _batch(kernel: Namespace, family: Family, lines: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ip", "-n", kernel.name, "-j", f"-{family.value}", "-N", "-force", "-batch", "-"],
        input="\n".join(lines) + "\n", capture_output=True, text=True, check=False,
    )  # fmt: skip


_CONNECT = """
import socket, sys
for line in sys.stdin:
    family, address = line.split()
    with socket.socket(socket.AF_INET if family == "4" else socket.AF_INET6, socket.SOCK_DGRAM) as made:
        try:
            made.connect((address, 53))
            print(made.getsockname()[0])
        except OSError:
            print("error")
"""


def connect(kernel: Namespace, family: Family) -> dict[Address, Address | None]:
    """The source that the kernel gives to an unbound UDP socket that connects; None: it refuses."""
    lines = "".join(f"{family.value} {destination}\n" for destination in POOLS[family])
    shown = kernel.run(sys.executable, "-I", "-c", _CONNECT, input=lines).stdout.split()
    sources = [None if word == "error" else ipaddress.ip_address(word) for word in shown]
    return {ipaddress.ip_address(text): source for text, source in zip(POOLS[family], sources)}
