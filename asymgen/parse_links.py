"""``ip -j -d link`` and ``ip -j -d addr`` into :class:`~asymgen.model.Link`.

Source: iproute2 ip/ipaddress.c (print_linkinfo, print_addrinfo), ip/iplink_vlan.c.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asymgen.model import Family, InterfaceAddress, Link
from asymgen.parse_fields import (
    MISSING,
    MalformedError,
    address,
    mapping,
    number,
    objects,
    optional_address,
    optional_number,
    optional_text,
    parse_each,
    text,
    texts,
    truth,
)
from asymgen.parse_names import Names

_FAMILIES = {"inet": Family.IPV4, "inet6": Family.IPV6}
_LONGEST_NAME = 15


def interface_name(holder: Mapping[str, Any], key: str = "ifname") -> str:
    """A name that the kernel can have given. Anything else would be a path, or no name at all:
    net/core/dev.c, dev_valid_name(). Bytes that are not UTF-8 arrive as lone surrogates."""
    name = text(holder, key)
    try:
        encoded = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        encoded = b""
    forbidden = set(b"/:\0 \t\n\v\f\r")
    if not encoded or len(encoded) > _LONGEST_NAME or name in (".", "..") or forbidden & set(encoded):
        raise MalformedError(key, holder.get(key, MISSING), "an interface name of the kernel (1 to 15 bytes)")
    return name


def parse_interface_address(entry: Mapping[str, Any]) -> InterfaceAddress | None:
    """One entry of ``addr_info``; None for address families other than IP."""
    family = _FAMILIES.get(text(entry, "family"))
    if family is None:
        return None
    return InterfaceAddress(
        address=address(entry, "local", family),
        prefixlength=number(entry, "prefixlen", most=family.bits),
        scope=text(entry, "scope", "global"),
        peer=optional_address(entry, "address", family),
        dynamic=truth(entry, "dynamic"),
        temporary=truth(entry, "temporary"),
        tentative=truth(entry, "tentative") or truth(entry, "dadfailed"),
        deprecated=truth(entry, "deprecated"),
        secondary=truth(entry, "secondary"),
        noprefixroute=truth(entry, "noprefixroute"),
        expired=optional_number(entry, "valid_life_time") == 0,
    )


def parse_link(entry: Mapping[str, Any], names: Names, addresses: tuple[InterfaceAddress, ...] = ()) -> Link:
    """One entry of ``ip -j -d link``."""
    info = mapping(entry, "linkinfo")
    kind = text(info, "info_kind")
    return Link(
        name=interface_name(entry),
        index=number(entry, "ifindex", 0),
        kind=kind,
        mac=text(entry, "address"),
        group=names.group(entry, "group") or 0,
        master=optional_text(entry, "master"),
        lower=optional_text(entry, "link"),
        vlan_id=optional_number(mapping(info, "info_data"), "id", most=4095) if kind == "vlan" else None,
        flags=frozenset(texts(entry, "flags")),
        mtu=number(entry, "mtu", 1500),
        addresses=addresses,
    )


def parse_links(snapshot: Mapping[str, Any], names: Names) -> tuple[Link, ...]:
    """Every link with its addresses, in the kernel's order. A link that only ``addrs`` has (it
    came between the two commands) counts as well."""

    def held(entry: Mapping[str, Any]) -> tuple[str, tuple[InterfaceAddress, ...]]:
        found = parse_each(entry, "addr_info", parse_interface_address)
        return interface_name(entry), tuple(one for one in found if one is not None)

    addresses = dict(parse_each(snapshot, "addrs", held, required=True))

    def linked(entry: Mapping[str, Any]) -> Link:
        return parse_link(entry, names, addresses.get(text(entry, "ifname"), ()))

    links = parse_each(snapshot, "links", linked, required=True)
    known = {link.name for link in links}
    late = [entry for entry in objects(snapshot, "addrs") if entry["ifname"] not in known]
    return links + tuple(parse_link(entry, names, addresses[entry["ifname"]]) for entry in late)
