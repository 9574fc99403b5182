"""``ip -j -d route show table all`` into :class:`~asymgen.model.Route`.

Source: iproute2 ip/iproute.c (print_route), ip/ipnexthop.c; what it prints was compared with a kernel
in ``tests/netns/test_probe.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from asymgen.folded_routes import FoldedObjects
from asymgen.model import (
    PROTOCOL,
    TABLE_LOCAL,
    TABLE_MAIN,
    Address,
    BulkRoutes,
    Family,
    Network,
    NextHop,
    Route,
    RouteType,
)
from asymgen.parse_fields import (
    MISSING,
    MalformedError,
    address,
    mapping,
    network,
    number,
    objects,
    optional_address,
    optional_number,
    optional_text,
    parse_each,
    parse_numbered,
    text,
    texts,
    within,
)
from asymgen.parse_names import Names
from asymgen.records import record

NextHopObjects = Mapping[int, Mapping[str, Any]]
"""``ip -j -d nexthop`` by id: routes may name nexthop objects instead of showing their legs."""

_TYPES = {kind.value: kind for kind in RouteType}
_VIA_FAMILIES = {"inet": Family.IPV4, "inet6": Family.IPV6}
_METRIC_WITHOUT_NUMBER = {Family.IPV4: 0, Family.IPV6: 1024}
_HOPLESS = (RouteType.BLACKHOLE, RouteType.UNREACHABLE, RouteType.PROHIBIT, RouteType.THROW)


@record
class Routes:
    """The routes of one family: ``single`` in the kernel's order, and those that are kept in bulk."""

    single: tuple[Route, ...]
    bulk: tuple[BulkRoutes, ...] = ()


def parse_routes(
    snapshot: Mapping[str, Any], key: str, family: Family, *, names: Names, nexthops: NextHopObjects
) -> Routes:
    """The routes of one family under ``key``."""

    def parse(entry: Mapping[str, Any]) -> Route:
        return parse_route(entry, family, names=names, nexthops=nexthops)

    listed = snapshot.get(key)
    if not isinstance(listed, FoldedObjects):
        return Routes(parse_each(snapshot, key, parse, required=True))
    for index, entry in listed.entries:
        if not isinstance(entry, dict):
            raise MalformedError(f"{key}[{index}]", entry, "an object")
    single = parse_numbered(key, listed.entries, parse)
    unfolded = ((run.index, {**run.entry, "dst": str(next(iter(run.networks)))}) for run in listed.runs)
    samples = parse_numbered(key, unfolded, parse)
    found = [BulkRoutes(sample, run.networks) for sample, run in zip(samples, listed.runs)]
    return _apart(single, found)


def _apart(single: tuple[Route, ...], found: Iterable[BulkRoutes]) -> Routes:
    """What is no bulk after all becomes single: what is in another table than its kind belongs to or ours, and networks
    that another route of the table leads to as well (which the kernel lists behind it)."""
    elsewhere: dict[int, set[Network]] = {TABLE_MAIN: set(), TABLE_LOCAL: set()}
    for route in single:
        if route.table in elsewhere:
            elsewhere[route.table].add(route.destination)
    bulk: list[BulkRoutes] = []
    more: list[Route] = []
    for routes in found:
        sample = routes.sample
        table = TABLE_LOCAL if sample.type is RouteType.LOCAL else TABLE_MAIN
        if sample.table != table or sample.protocol == PROTOCOL or not sample.interfaces:
            more += routes.routes()
            continue
        shared = {network for network in elsewhere[table] if network in routes.networks}
        more += map(routes.to, sorted(shared))
        bulk.append(BulkRoutes(routes.sample, routes.networks.without(shared)) if shared else routes)
    return Routes((*more, *single), tuple(bulk))


def parse_route(entry: Mapping[str, Any], family: Family, *, names: Names, nexthops: NextHopObjects) -> Route:
    """One route. Keys that are absent have the meaning that ip(8) gives to their absence."""
    kind = _TYPES.get(text(entry, "type", "unicast"))
    if kind is None:
        raise MalformedError("type", entry["type"], f"one of {', '.join(_TYPES)}")
    table = names.table(entry, "table", TABLE_MAIN)
    return Route(
        family=family,
        destination=network(entry, "dst", family),
        table=TABLE_MAIN if table is None else table,
        type=kind,
        nexthops=_legs(entry, family, kind=kind, objects_by_id=nexthops),
        metric=number(entry, "metric", _METRIC_WITHOUT_NUMBER[family]),
        protocol=names.protocol(entry),
        scope=text(entry, "scope", "global"),
        preferred_source=optional_address(entry, "prefsrc"),
        mtu=_mtu(entry),
        tos=names.tos(entry) or 0,
        preference=text(entry, "pref", "medium"),
        source=_source(entry, family),
    )


def parse_nexthop_objects(snapshot: Mapping[str, Any]) -> NextHopObjects:
    """The optional list ``nexthops``, by id."""
    return dict(parse_each(snapshot, "nexthops", lambda entry: (number(entry, "id"), entry)))


def _legs(
    entry: Mapping[str, Any], family: Family, *, kind: RouteType, objects_by_id: NextHopObjects
) -> tuple[NextHop, ...]:
    """The legs, from whichever of four places ip(8) put them: the list, the route itself, the nexthop object
    printed with it, or (net.ipv4.nexthop_compat_mode=0) only the object's id."""
    if kind in _HOPLESS:
        return ()  # IPv6 shows such a route with "dev lo", which means nothing: IPv4 shows none
    if "nexthops" in entry:
        return parse_each(entry, "nexthops", lambda leg: _leg(leg, family))
    if "dev" in entry or "gateway" in entry or "via" in entry:
        return (_leg(entry, family),)
    if "nhid" not in entry:
        return ()
    own = mapping(entry, "nh_info")
    if own and "group" not in own:
        return (_leg(own, family),)
    return _legs_of_object(number(entry, "nhid"), family, objects_by_id=objects_by_id)


def _legs_of_object(identifier: int, family: Family, *, objects_by_id: NextHopObjects) -> tuple[NextHop, ...]:
    found = objects_by_id.get(identifier)
    if found is None:
        raise MalformedError("nhid", identifier, "the id of an object in nexthops (the output of: ip -j -d nexthop)")
    if "group" not in found:
        return (_leg(found, family),)
    legs = []
    for member in objects(found, "group"):
        # The kernel allows no groups inside groups, so this ends after one step.
        leg = objects_by_id.get(number(member, "id"), {})
        if "group" in leg or not leg:
            raise MalformedError("nhid", identifier, "a group of nexthops that are all in nexthops")
        legs.append(_leg({**leg, "weight": number(member, "weight", 1)}, family))
    return tuple(legs)


def _leg(entry: Mapping[str, Any], family: Family) -> NextHop:
    flags = texts(entry, "flags")
    return NextHop(
        interface=optional_text(entry, "dev"),
        gateway=_gateway(entry, family),
        weight=number(entry, "weight", 1),
        onlink="onlink" in flags,
        linkdown="linkdown" in flags,
        dead="dead" in flags,
    )


def _gateway(entry: Mapping[str, Any], family: Family) -> Address | None:
    """``gateway``, or for a gateway of the other family ``via {family, host}``. A nexthop object's
    ``gateway`` is of its own family, whatever the route's is."""
    if "via" in entry:
        via = mapping(entry, "via")
        with within("via"):
            return address(via, "host", _VIA_FAMILIES.get(text(via, "family")))
    return optional_address(entry, "gateway", None if "id" in entry or family is Family.IPV4 else family)


def _mtu(entry: Mapping[str, Any]) -> int | None:
    for index, metrics in enumerate(objects(entry, "metrics")):
        with within(f"metrics[{index}]"):
            return optional_number(metrics, "mtu")
    return None


def _source(entry: Mapping[str, Any], family: Family) -> Network | None:
    if entry.get("from", MISSING) in (MISSING, None, "all"):
        return None
    return network(entry, "from", family)
