"""Kernel states built by hand, as lowering would make them, and the networks that they are for."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace

from asymgen.model import (
    PROTOCOL,
    TABLE_MAIN,
    Family,
    GroupMember,
    Host,
    InterfaceAddress,
    KernelState,
    Link,
    Network,
    NextHop,
    Range,
    Route,
    Rule,
    RuleAction,
    Sysctl,
    Uplink,
    UplinkState,
    Watched,
)
from asymgen.numbers import PRIORITIES_EACH

GROUPS = (7, 8)
HOST = Host(
    hostname="web1", links=(), routes=(), rules=(), os_release={"ID": "debian"}, kernel="6.1.0", iproute2="6.1.0"
)


@dataclass(frozen=True)
class Wire:
    """One interface of a test host in one family: an address with its length, and the router."""

    interface: str
    address: str
    gateway: str

    @property
    def family(self) -> Family:
        return Family(ipaddress.ip_address(self.gateway).version)

    @property
    def prefix(self) -> Network:
        return ipaddress.ip_network(self.address, strict=False)


TWO_SUBNETS = (
    Wire("eth0", "192.0.2.10/24", "192.0.2.1"),
    Wire("eth0", "2001:db8:0:1::10/64", "2001:db8:0:1::1"),
    Wire("eth1", "198.51.100.10/24", "198.51.100.1"),
    Wire("eth1", "2001:db8:0:2::10/64", "fe80::1"),
)
ONE_SUBNET = (Wire("eth0", "192.0.2.10/24", "192.0.2.1"), Wire("eth1", "192.0.2.11/24", "192.0.2.1"))


def renamed(wires: Sequence[Wire], **names: str) -> tuple[Wire, ...]:
    """The same wires with other names of interfaces."""
    return tuple(Wire(names.get(wire.interface, wire.interface), wire.address, wire.gateway) for wire in wires)


def kernel_state(
    wires: Sequence[Wire], *, sources: Sequence[str] = (), sysctls: bool = True, mtu: int | None = None
) -> KernelState:
    """The state for ``wires``; the first interface is the primary. ``sources`` replace the last wire's own."""
    interfaces = list(dict.fromkeys(wire.interface for wire in wires))
    shared = len({wire.prefix for wire in wires}) < len(wires)
    uplinks = []
    for wire in wires:
        own = sources if wire is wires[-1] and sources else [str(wire.prefix)]
        if shared:
            own = [wire.address.split("/")[0]]
        uplinks.append(_uplink_state(wire, interfaces.index(wire.interface), own, mtu=mtu))
    return KernelState(
        uplinks=tuple(uplinks),
        groups=tuple(GroupMember(name, GROUPS[min(index, 1)]) for index, name in enumerate(interfaces)),
        sysctls=tuple(
            Sysctl(f"net/ipv4/conf/{name}/arp_filter", "1", "0", "answers ARP by the interface that has the route")
            for name in interfaces
        )
        if sysctls
        else (),
    )


def _uplink_state(wire: Wire, index: int, own: Sequence[str], *, mtu: int | None) -> UplinkState:
    family, table, priority = wire.family, index + 1, 32000 + 10 * index
    gateway = ipaddress.ip_address(wire.gateway)
    address, length = wire.address.split("/")
    sources = tuple(ipaddress.ip_network(source) for source in own)
    uplink = Uplink(
        interface=wire.interface, family=family, gateway=gateway, gateway_source="default route in table main",
        addresses=(InterfaceAddress(ipaddress.ip_address(address), int(length)),),
        prefixes=(wire.prefix,), sources=sources, table=table, priority=priority, primary=index == 0, mtu=mtu,
    )  # fmt: skip
    connected = [wire.prefix] + ([ipaddress.ip_network("fe80::/64")] if family is Family.IPV6 else [])
    device, hop = NextHop(wire.interface), NextHop(wire.interface, gateway)
    routes = [Route(family, prefix, table, nexthops=(device,), protocol=PROTOCOL) for prefix in connected]
    routes.append(Route(family, family.everything, table, nexthops=(hop,), protocol=PROTOCOL, mtu=mtu))
    rules = [rule for source in sources for rule in _rules(family, source, table, priority, GROUPS[0 if index else 1])]
    return UplinkState(uplink, tuple(routes), tuple(rules))


def _rules(family: Family, source: Network, table: int, priority: int, other: int) -> tuple[Rule, ...]:
    length = family.suppressed_length
    common = {"family": family, "source": source, "iif": "lo", "protocol": PROTOCOL}
    return (
        Rule(priority=priority + 1, table=table, suppress_prefixlength=length, **common),  # type: ignore[arg-type]
        Rule(
            priority=priority + 2, table=TABLE_MAIN, suppress_prefixlength=length, suppress_group=other,
            **common,  # type: ignore[arg-type]
        ),
        Rule(priority=priority + 3, table=table, **common),  # type: ignore[arg-type]
    )  # fmt: skip


def moving(state: KernelState) -> KernelState:
    """``state`` with every uplink's addresses by DHCP or RA."""
    dynamic = (replace(each, uplink=replace(each.uplink, dynamic=True)) for each in state.uplinks)
    return replace(state, uplinks=tuple(dynamic))


def watched(state: KernelState) -> KernelState:
    """``state`` with a watcher for all of its uplinks."""
    each = (
        Watched(up.family, up.interface, Range(up.priority, up.priority + PRIORITIES_EACH - 1), up.table)
        for up in (one.uplink for one in state.uplinks)
    )
    return replace(state, watch="--ahead says so", watched=tuple(each))


def with_extras(state: KernelState) -> KernelState:
    """``state`` plus one of everything that is rare: priority 0, goto, equal priorities, repeats, throw."""
    first = state.uplinks[0]
    source, family = first.uplink.sources[0], first.uplink.family
    table = first.uplink.table
    extra = (
        Rule(family, 0, source=source, iif="lo", table=255, protocol=PROTOCOL),
        Rule(family, 50, RuleAction.GOTO, target=first.uplink.priority, source=source, iif="lo", protocol=PROTOCOL),
        Rule(family, 32000, source=source, iif="lo", mark=0x10, mask=0xFF, table=99, protocol=PROTOCOL),
        Rule(family, 32000, source=source, iif="lo", ipproto=6, table=98, protocol=PROTOCOL),
        Rule(family, 32000, source=source, destination=source, iif="lo", tos=0x10, table=table, protocol=PROTOCOL),
        Rule(family, 32004, RuleAction.UNREACHABLE, source=source, iif="lo", protocol=PROTOCOL),
    )
    routes = (
        Route(family, ipaddress.ip_network("10.0.0.0/8"), table, nexthops=first.routes[-1].nexthops, protocol=PROTOCOL),
        Route(family, ipaddress.ip_network("10.2.0.0/16"), table, type=first.routes[0].type.THROW, protocol=PROTOCOL),
    )
    widened = UplinkState(first.uplink, first.routes + routes, first.rules + extra)
    return replace(state, uplinks=(widened, *state.uplinks[1:]))


def host_with_links(*names: str) -> Host:
    """A host with nothing but links."""
    return Host("web1", tuple(Link(name, index) for index, name in enumerate(names, 1)), (), (), {"ID": "debian"})
