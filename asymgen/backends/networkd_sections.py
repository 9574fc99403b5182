"""Rules and routes as sections of a .network file. Pure; knows nothing of files.

Numbers only: networkd does not read iproute2's names. Source: systemd.network(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from asymgen.model import Family, NextHop, Range, Route, RouteType, Rule, RuleAction, UplinkState
from asymgen.records import record
from asymgen.templating import networkd_interface

Settings = tuple[tuple[str, str], ...]

_LEASED = {Family.IPV4: "_dhcp4", Family.IPV6: "_ipv6ra"}
"""Words for the router that networkd learns by itself."""


@record
class Section:
    """A section with its settings in order; ``comments`` stand above it."""

    name: str
    settings: Settings
    comments: tuple[str, ...] = ()


def sections(state: UplinkState, *, follows: bool) -> Iterator[Section]:
    """All of one uplink. ``follows``: its gateway is the one that networkd learns by DHCP or RA."""
    uplink = state.uplink
    way = f"via {uplink.gateway}" if uplink.gateway is not None else "without a gateway"
    heading = f"--- IPv{uplink.family:d}: table {uplink.table}, {way} ({uplink.gateway_source}) ---"
    comments: tuple[str, ...] = (heading,)
    for route in state.routes:
        leased = follows and any(hop.gateway == uplink.gateway for hop in route.nexthops)
        yield Section("Route", tuple(_route_settings(route, leased=leased)), comments)
        comments = ()
    for rule in state.rules:
        yield Section("RoutingPolicyRule", tuple(_rule_settings(rule)))


def _route_settings(route: Route, *, leased: bool) -> Iterator[tuple[str, str]]:
    yield "Destination", str(route.destination)
    if route.type is not RouteType.UNICAST:
        yield "Type", route.type.value
    for hop in route.nexthops[:1]:
        yield from _hop_settings(route, hop, leased=leased)
    yield "Table", str(route.table)
    yield "Protocol", str(route.protocol)
    if route.mtu is not None:
        yield "MTUBytes", str(route.mtu)


def _hop_settings(route: Route, hop: NextHop, *, leased: bool) -> Iterator[tuple[str, str]]:
    if hop.gateway is None:
        return
    yield "Gateway", _LEASED[route.family] if leased else str(hop.gateway)
    if hop.onlink or not leased:
        # networkd counts our prefix in T as proof that the gateway can be reached, also when the kernel has just
        # dropped it with the link; the refused route would fail the whole interface (tried: 252, a short flap).
        yield "GatewayOnLink", "yes"


def _rule_settings(rule: Rule) -> Iterator[tuple[str, str]]:
    oif = None if rule.oif is None else networkd_interface(rule.oif)
    yield "Priority", str(rule.priority)
    selectors = (
        ("From", rule.source), ("To", rule.destination), ("TypeOfService", rule.tos), ("FirewallMark", _mark(rule)),
        ("IncomingInterface", rule.iif), ("OutgoingInterface", oif), ("User", _range(rule.uids)),
        ("IPProtocol", rule.ipproto), ("SourcePort", _range(rule.sport)), ("DestinationPort", _range(rule.dport)),
    )  # fmt: skip
    yield from ((key, str(value)) for key, value in selectors if value is not None)
    yield from _action_settings(rule)


def _action_settings(rule: Rule) -> Iterator[tuple[str, str]]:
    if rule.action is not RuleAction.LOOKUP:
        yield "Type", rule.action.value
    if rule.action is RuleAction.GOTO:
        yield "GoTo", str(rule.target)
    if rule.table is not None:
        yield "Table", str(rule.table)
    if rule.suppress_prefixlength is not None:
        yield "SuppressPrefixLength", str(rule.suppress_prefixlength)
    if rule.suppress_group is not None:
        yield "SuppressInterfaceGroup", str(rule.suppress_group)


def _mark(rule: Rule) -> str | None:
    if rule.mark is None:
        return None
    return str(rule.mark) if rule.mask in (None, 0xFFFFFFFF) else f"{rule.mark}/{rule.mask}"


def _range(values: Range | None) -> str | None:
    if values is None:
        return None
    return str(values.first) if values.first == values.last else f"{values.first}-{values.last}"
