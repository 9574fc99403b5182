"""Small hosts for unit tests, written as one would say them.

``make_host({"eth0": "192.0.2.10/24"}, routes=["default via 192.0.2.1 dev eth0"])`` has the connected
routes, the three standard rules of each family and nothing else. Words are those of ip(8).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from asymgen.diagnosis import answer_words
from asymgen.lookup import Packet, RoutingState, after
from asymgen.lowering import lower
from asymgen.model import (
    Capabilities,
    Choices,
    Family,
    Host,
    InterfaceAddress,
    Kept,
    KernelState,
    Link,
    NextHop,
    Plan,
    Route,
    RouteType,
    Rule,
    RuleAction,
)
from asymgen.planner import plan as make_plan

TYPES = {kind.value for kind in RouteType}


def make_link(name: str, addresses: str | Iterable[str] = (), **fields: Any) -> Link:
    """A link that is up. An address is ``192.0.2.10/24``, then ip(8)'s flag words (``dynamic``, ``scope link``)."""
    texts = [addresses] if isinstance(addresses, str) else list(addresses)
    flags = frozenset({"UP", "LOWER_UP", "LOOPBACK"} if name == "lo" else {"UP", "LOWER_UP", "BROADCAST"})
    fields = {"index": 0, "flags": flags, "addresses": tuple(map(make_address, texts)), **fields}
    return Link(name, **fields)


def make_address(text: str) -> InterfaceAddress:
    """``192.0.2.10/24 dynamic``, ``10.0.0.1/32 peer 10.0.0.2``, ``fe80::1/64 scope link``."""
    first, *words = text.split()
    interface = ipaddress.ip_interface(first)
    fields: dict[str, Any] = {}
    while words:
        word = words.pop(0)
        if word == "scope":
            fields["scope"] = words.pop(0)
        elif word == "peer":
            fields["peer"] = ipaddress.ip_address(words.pop(0))
        else:
            fields[word] = True
    if interface.ip.is_link_local and "scope" not in fields:
        fields["scope"] = "link"
    return InterfaceAddress(interface.ip, interface.network.prefixlen, **fields)


def make_route(text: str) -> Route:
    """``[type] default|PREFIX [via GW] [dev IF] [table N] [metric N] [onlink] [proto N] [mtu N]``; several
    legs as ``nexthop via GW dev IF``."""
    words = text.split()
    kind = RouteType(words.pop(0)) if words[0] in TYPES else RouteType.UNICAST
    where = words.pop(0)
    fields: dict[str, Any] = {}
    legs: list[dict[str, Any]] = [{}]
    while words:
        word = words.pop(0)
        if word == "nexthop":
            legs.append({})
        elif word == "onlink":
            legs[-1]["onlink"] = True
        elif word == "via" and words[0] in ("inet", "inet6"):
            fields["family"] = "4" if words.pop(0) == "inet6" else "6"
            legs[-1]["via"] = words.pop(0)
        else:
            (legs[-1] if word in ("via", "dev") else fields)[word] = words.pop(0)
    gateways = [leg.get("via") for leg in legs if leg]
    is_ipv6 = ":" in (where if where != "default" else gateways[0] if gateways and gateways[0] else "")
    family = Family(int(fields.pop("family", "6" if is_ipv6 else "4")))
    hops = tuple(
        NextHop(
            leg.get("dev"), ipaddress.ip_address(leg["via"]) if "via" in leg else None, onlink=leg.get("onlink", False)
        )
        for leg in legs
        if leg
    )
    destination = family.everything if where == "default" else ipaddress.ip_network(where)
    return Route(
        family, destination, int(fields.get("table", 254)), kind, hops,
        metric=int(fields.get("metric", 0 if family is Family.IPV4 else 1024)), protocol=int(fields.get("proto", 3)),
        scope="link" if hops and hops[0].gateway is None else "global",
        mtu=int(fields["mtu"]) if "mtu" in fields else None,
    )  # fmt: skip


def make_rule(family: Family, priority: int, **fields: Any) -> Rule:
    """A rule; networks as text."""
    for key in ("source", "destination"):
        if isinstance(fields.get(key), str):
            fields[key] = ipaddress.ip_network(fields[key])
    return Rule(family, priority, **fields)


def standard_rules(*, local: int = 0) -> list[Rule]:
    """What every kernel starts with."""
    rules = []
    for family in Family:
        rules += [make_rule(family, local, table=255, protocol=2), make_rule(family, 32766, table=254, protocol=2)]
        if family is Family.IPV4:
            rules.append(make_rule(family, 32767, table=253, protocol=2))
    return rules


def make_host(
    interfaces: Mapping[str, str | Iterable[str] | Link],
    routes: Iterable[str] = (),
    *,
    rules: Iterable[Rule] = (),
    local: int = 0,
    connected: bool = True,
    **fields: Any,
) -> Host:
    """A host with ``lo``; ``rules`` are added to the standard ones in the kernel's order."""
    links = [make_link("lo", ["127.0.0.1/8 scope host", "::1/128 scope host"])]
    for name, what in interfaces.items():
        links.append(what if isinstance(what, Link) else make_link(name, what, mac=_mac(name)))
    table = [make_route(text) for text in routes]
    if connected:
        table += _connected(links, table)
    ordered = sorted([*standard_rules(local=local), *rules], key=lambda rule: (rule.family, rule.priority))
    return Host(
        fields.pop("hostname", "web1"), tuple(links), (*table, *_local(links)), tuple(ordered),
        fields.pop("os_release", {"ID": "debian", "PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)"}), **fields,
    )  # fmt: skip


def _mac(name: str) -> str:
    return "02:00:00:" + ":".join(f"{byte:02x}" for byte in name.encode()[-3:].rjust(3, b"\0"))


def _connected(links: Iterable[Link], given: Iterable[Route]) -> list[Route]:
    found = []
    for link in links:
        for address in link.addresses:
            if address.scope == "host" or address.noprefixroute or address.prefixlength == address.family.bits:
                continue
            metric = 0 if address.family is Family.IPV4 else 256
            found.append(
                Route(address.family, address.network, 254, nexthops=(NextHop(link.name),), protocol=2, scope="link",
                      metric=metric, preferred_source=address.address)
            )  # fmt: skip
    return found


def _local(links: Iterable[Link]) -> list[Route]:
    return [
        Route(address.family, ipaddress.ip_network(address.address), 255, RouteType.LOCAL, (NextHop(link.name),),
              protocol=2, scope="host")
        for link in links
        for address in link.addresses
    ]  # fmt: skip


ALL = Capabilities()


def plan_for(host: Host, kept: Kept | None = None, **choices: Any) -> Plan:
    """The plan with the given choices."""
    return make_plan(host, Choices(**choices), kept or Kept())


def lower_for(host: Host, capabilities: Capabilities = ALL, **choices: Any) -> KernelState:
    """Plan and lower at once."""
    return lower(plan_for(host, **choices), capabilities)


def way(routing: RoutingState, source: str | None, destination: str) -> str:
    """How a packet leaves, in the report's words: ``eth1 via 198.51.100.1``."""
    address = ipaddress.ip_address(destination)
    packet = Packet(Family(address.version), address, source=None if source is None else ipaddress.ip_address(source))
    return answer_words(routing.lookup(packet))


def mended(host: Host, capabilities: Capabilities = ALL, **choices: Any) -> RoutingState:
    """The host's routing with the plan in the kernel."""
    return after(host, lower_for(host, capabilities, **choices))


def looks_up(state: KernelState, **fields: Any) -> list[Rule]:
    """The rules of ``state`` with these field values."""
    return [rule for rule in state.rules if all(getattr(rule, name) == value for name, value in fields.items())]


__all__ = ["RuleAction", "looks_up", "lower_for", "make_host", "make_link", "make_rule", "mended", "plan_for", "way"]
