"""Host x choices x kept numbers -> plan: what the kernel shall hold, before any backend is asked.

Pure. The pieces are in uplinks.py (which interfaces), sources.py (what rules select by), numbers.py
(identifiers) and foreign.py (what others set up); this module puts them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from asymgen.ahead import plan_ahead
from asymgen.foreign import error_networks, foreign_rules, is_tunnel_rule, local_is_moved, takes_everything
from asymgen.model import (
    PROTOCOL,
    TABLE_MAIN,
    BulkRoutes,
    Choices,
    Family,
    Host,
    Kept,
    Network,
    Numbers,
    Plan,
    Route,
    RouteType,
    Sysctl,
    Uplink,
)
from asymgen.numbers import assign_groups, assign_numbers, follow_renames, remember_live
from asymgen.settings import plan_sysctls
from asymgen.sources import host_forwards, select_sources
from asymgen.uplinks import Candidate, find_uplinks

NO_KEPT = Kept()


def plan(host: Host, choices: Choices, kept: Kept = NO_KEPT) -> Plan:
    """The plan for ``host``. ``kept`` is what an earlier run left for this machine.

    Raises UnsupportedError where numbers run out.
    """
    kept = follow_renames(host, remember_live(host, kept))
    found = find_uplinks(host, choices, kept)
    active = frozenset(
        family for family in choices.families if _has_work(host, found.candidates, family, kept, ahead=choices.ahead)
    )
    numbers = assign_numbers(
        host, found.candidates, kept, table_base=choices.table_base, priority_base=choices.priority_base
    )
    names = list(dict.fromkeys(candidate.way.interface for candidate in found.candidates))
    groups = assign_groups(host, kept, primary=names[0] if names else "", secondaries=names[1:])
    forwards = host_forwards(host, names)
    uplinks = tuple(
        _uplink(
            host,
            candidate,
            numbers=numbers[candidate],
            groups=groups,
            sources=select_sources(host, candidate, found.candidates, rule_by=choices.rule_by, forwards=forwards),
            primary=candidate.way.interface == names[0],
        )
        for candidate in found.candidates
    )
    working = [uplink for uplink in uplinks if uplink.family in active]
    others = plan_ahead(host, working, kept, asked=choices.ahead)
    sysctls = plan_sysctls(host, working, kept, arp=choices.arp)
    first = min((uplink.priority for uplink in working), default=0)
    return Plan(
        hostname=host.hostname, machine_id=host.machine_id, uplinks=uplinks, others=found.others, active=active,
        unresolved=found.unresolved, groups=groups, main=_main_networks(host, active), bulk=_bulk(host, active),
        repeats=others.repeats, jumps=others.jumps, watch=others.watch, watch_routes=others.watch_routes,
        sysctls=sysctls, forwards=forwards, fail_closed=choices.fail_closed, main_errors=error_networks(host, active),
        local_moved=frozenset(f for f in active if local_is_moved(foreign_rules(host, f, kept), first)),
        notes=(*host.notes, *found.notes, *_notes(host, working, choices, forwards=forwards), *others.notes),
        kept=_to_keep(host, kept, numbers=numbers, groups=groups, sysctls=sysctls, choices=choices, watch=others.watch),
    )  # fmt: skip


def _has_work(host: Host, candidates: Sequence[Candidate], family: Family, kept: Kept, *, ahead: bool) -> bool:
    """Two uplinks, or a tunnel that takes replies away from the only one, now or (``ahead``) later."""
    interfaces = {candidate.way.interface for candidate in candidates if candidate.way.family is family}
    count = sum(1 for candidate in candidates if candidate.way.family is family)
    if count != 1:
        return count > 1
    if ahead or kept.watch:
        return True
    main = [route for route in host.routes if route.table == TABLE_MAIN]
    by_rule = any(is_tunnel_rule(host, rule, interfaces) for rule in foreign_rules(host, family, kept))
    return by_rule or takes_everything(main, family, interfaces)


def _uplink(
    host: Host,
    candidate: Candidate,
    *,
    numbers: Numbers,
    groups: tuple[int, int],
    sources: tuple[Network, ...],
    primary: bool,
) -> Uplink:
    way = candidate.way
    link = host.link(way.interface)
    # A router of the other family (RFC 8950) is found by neighbour discovery, in no subnet of this family.
    reachable = way.gateway is None or way.gateway.is_link_local or way.gateway.version != way.family.value
    neighbours = [prefix for prefix in candidate.prefixes if prefix.num_addresses > 1]
    onlink = not reachable and not any(way.gateway in prefix for prefix in neighbours)
    return Uplink(
        interface=way.interface, family=way.family, gateway=way.gateway, gateway_source=way.found,
        addresses=candidate.addresses, prefixes=candidate.prefixes,
        sources=sources, table=numbers.table, priority=numbers.priority, primary=primary,
        onlink=onlink, mtu=way.mtu, grouped=link is None or link.group in (0, *groups), dynamic=way.dynamic,
    )  # fmt: skip


def _main_networks(host: Host, active: frozenset[Family]) -> tuple[Route, ...]:
    """What ``main`` reaches by something more specific than a default."""
    return tuple(
        route
        for route in host.routes
        if route.table == TABLE_MAIN
        and route.family in active
        and route.type is RouteType.UNICAST
        and route.protocol != PROTOCOL
        and route.destination.prefixlen > route.family.suppressed_length
        and not (route.destination.is_link_local or route.destination.is_multicast)
    )


def _bulk(host: Host, active: frozenset[Family]) -> tuple[BulkRoutes, ...]:
    return tuple(bulk for bulk in host.bulk if bulk.sample.table == TABLE_MAIN and bulk.sample.family in active)


def _notes(host: Host, working: Sequence[Uplink], choices: Choices, *, forwards: bool) -> list[str]:
    notes = []
    if forwards and choices.rule_by == "auto" and working:
        notes.append(
            "forwarding is on for several uplinks, or a transparent proxy runs here: rules select single addresses; "
            "--rule-by prefix selects prefixes all the same"
        )
    for uplink in working:
        link = host.link(uplink.interface)
        if link is not None and not uplink.grouped:
            notes.append(f"{uplink.interface} is in device group {link.group} of somebody else and stays there")
        if uplink.onlink:
            notes.append(f"{uplink.interface}: gateway {uplink.gateway} is on-link, in no subnet of the interface")
        strangers = [route for route in host.routes if route.table == uplink.table and route.protocol != PROTOCOL]
        if strangers:
            notes.append(
                f"table {uplink.table} of {uplink.interface} also holds {strangers[0].destination}, a route of "
                "somebody else; --table-base moves ours away"
            )
    return list(dict.fromkeys(notes))


def _to_keep(
    host: Host,
    kept: Kept,
    *,
    numbers: dict[Candidate, Numbers],
    groups: tuple[int, int],
    sysctls: Sequence[Sysctl],
    choices: Choices,
    watch: str,
) -> Kept:
    """Numbers in use now, plus those of interfaces that are away for the moment; settings of now, plus those of
    an earlier plan that are not restored yet."""
    now = tuple(dict.fromkeys(numbers.values()))
    used = {number.table for number in now} | {number.priority for number in now}
    away = tuple(old for old in kept.numbers if not {old.table, old.priority} & used)
    unrestored = {key: old for key, old in kept.sysctls_before.items() if host.sysctls.get(key) not in (None, old)}
    before = {**unrestored, **{setting.key: setting.before for setting in sysctls}}
    return replace(
        kept, numbers=now + away, groups=groups, sysctls_before=before, gateways=kept.given_gateways(choices),
        watch=watch,
    )  # fmt: skip
