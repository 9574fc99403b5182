"""Snapshot into :class:`~asymgen.model.Host`: dicts end here. Pure.

Whatever cannot be read is an InputError that names the origin, the key's path, what was found and what was
expected; keys that nobody knows are no error, so that a snapshot may carry more than asymgen reads.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from asymgen.errors import InputError
from asymgen.folded_routes import FoldedObjects
from asymgen.iproute2 import decode
from asymgen.json_text import to_json
from asymgen.model import Family, Host
from asymgen.parse_fields import MISSING, MalformedError, number_of, parse_each, shown, text, text_mapping, texts
from asymgen.parse_links import parse_links
from asymgen.parse_managers import parse_leases, parse_managers
from asymgen.parse_names import Names, parse_names, parse_number_names
from asymgen.parse_routes import parse_nexthop_objects, parse_routes
from asymgen.parse_rules import parse_rules

_HINT = "Make a new snapshot on that host: asymgen snapshot -o FILE"
_REQUIRED = ("links", "addrs", "routes4", "routes6", "rules4", "rules6", "os_release")


def load_snapshot(text: str, origin: str) -> dict[str, Any]:
    """The JSON text of a snapshot as a dict. ``origin`` (a file name) is for messages.

    Lone surrogates stand for bytes of interface names that are not UTF-8.
    """
    try:
        value = decode(text)
    except json.JSONDecodeError as problem:
        where = f"line {problem.lineno}, column {problem.colno}"
        raise InputError(f"{origin}: no valid JSON at {where}: {problem.msg}", hint=_HINT) from None
    except (ValueError, RecursionError) as problem:  # a number of 5000 digits, brackets 5000 deep
        raise InputError(f"{origin}: no valid JSON: {problem}", hint=_HINT) from None
    if not isinstance(value, dict):
        raise InputError(f"{origin}: found {shown(value)}, expected an object with links, addrs, …", hint=_HINT)
    return value


def snapshot_to_json(snapshot: Mapping[str, Any]) -> Iterator[str]:
    """A snapshot as text, in pieces: pure ASCII, so that names of any bytes survive; the same snapshot gives the same
    text. Of a list that is folded each object stands on a line of its own."""
    yield "{"
    for place, (key, value) in enumerate(sorted(snapshot.items())):
        yield f"{',' if place else ''}\n {json.dumps(key)}: "
        if isinstance(value, FoldedObjects):
            yield "[\n  "
            yield from _lines(value.unfolded())
            yield "\n ]"
        else:
            yield to_json(value, indent=1, sort_keys=True).replace("\n", "\n ")
    yield "\n}\n"


def _lines(objects: Iterator[Any]) -> Iterator[str]:
    encode = json.JSONEncoder(sort_keys=True).encode
    yield encode(next(objects))
    for value in objects:
        yield f",\n  {encode(value)}"


def parse_host(snapshot: Mapping[str, Any], *, origin: str = "snapshot") -> Host:
    """Everything that ``snapshot`` says. Raises InputError."""
    try:
        _require_keys(snapshot)
        return _host(snapshot)
    except MalformedError as problem:
        raise InputError(f"{origin}: {problem}", hint=_HINT) from None


def _require_keys(snapshot: Mapping[str, Any]) -> None:
    for key in _REQUIRED:
        if key not in snapshot:
            raise MalformedError(key, MISSING, "an object" if key == "os_release" else "a list of objects")


def _host(snapshot: Mapping[str, Any]) -> Host:
    names = parse_names(snapshot)
    nexthops = parse_nexthop_objects(snapshot)
    links = parse_links(snapshot, names)
    routes = [parse_routes(snapshot, f"routes{family:d}", family, names=names, nexthops=nexthops) for family in Family]
    rules = tuple(rule for family in Family for rule in parse_rules(snapshot, f"rules{family:d}", family, names=names))
    return Host(
        hostname=text(snapshot, "hostname"),
        links=links,
        routes=tuple(route for found in routes for route in found.single),
        bulk=tuple(bulk for found in routes for bulk in found.bulk),
        rules=rules,
        os_release=text_mapping(snapshot, "os_release"),
        machine_id=text(snapshot, "machine_id"),
        kernel=text(snapshot, "kernel"),
        iproute2=text(snapshot, "iproute2"),
        table_names=parse_number_names(snapshot, "rt_tables"),
        group_names=parse_number_names(snapshot, "groups"),
        firewall_groups=_firewall_groups(snapshot),
        managers=parse_managers(snapshot),
        leases=parse_leases(snapshot),
        sysctls=text_mapping(snapshot, "sysctls"),
        notes=texts(snapshot, "notes") + _unknown_protocols(names),
        reader=text(snapshot, "reader", "iproute2"),
        udp_wildcards=frozenset(parse_each(snapshot, "udp_wildcards", _udp_wildcard)),
    )


def _firewall_groups(snapshot: Mapping[str, Any]) -> frozenset[int]:
    value = snapshot.get("firewall_groups")
    if value is None:
        return frozenset()
    if not isinstance(value, list):
        raise MalformedError("firewall_groups", value, "a list of numbers")
    groups = []
    for index, item in enumerate(value):
        number = number_of(item)
        if number is None:
            raise MalformedError(f"firewall_groups[{index}]", item, "a device group's number")
        groups.append(number)
    return frozenset(groups)


def _udp_wildcard(entry: Mapping[str, Any]) -> tuple[Family, int]:
    family, port = number_of(entry.get("family")), number_of(entry.get("port"))
    if family not in (4, 6):
        raise MalformedError("family", entry.get("family", MISSING), "4 or 6")
    if port is None or not 0 < port < 1 << 16:
        raise MalformedError("port", entry.get("port", MISSING), "a port from 1 to 65535")
    return Family(family), port


def _unknown_protocols(names: Names) -> tuple[str, ...]:
    return tuple(
        f"The snapshot names a route protocol {shown(name)} but not its number (rt_protos): taken as somebody else's."
        for name in sorted(names.unknown_protocols)
    )
