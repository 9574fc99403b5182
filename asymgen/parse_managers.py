"""The parts of a snapshot that asymgen itself writes: who manages what, and DHCP leases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asymgen.model import Address, Family, Lease, ManagedInterface, Managers
from asymgen.parse_fields import (
    MalformedError,
    as_object,
    mapping,
    number_of,
    optional_text,
    parse_address,
    parse_each,
    text,
    text_mapping,
    texts,
    within,
)
from asymgen.parse_links import interface_name


def _addresses(holder: Mapping[str, Any], key: str) -> tuple[Address, ...]:
    found = []
    for index, value in enumerate(texts(holder, key)):
        address = parse_address(value)
        if address is None:
            raise MalformedError(f"{key}[{index}]", value, "an address")
        found.append(address)
    return tuple(found)


def _dynamic(holder: Mapping[str, Any]) -> frozenset[Family]:
    words = holder.get("dynamic")
    if words is None:
        return frozenset()
    if not isinstance(words, list):
        raise MalformedError("dynamic", words, 'a list of "4" and "6"')
    for index, word in enumerate(words):
        if number_of(word) not in (4, 6):
            raise MalformedError(f"dynamic[{index}]", word, '"4" or "6"')
    return frozenset(Family(int(word)) for word in words)


def _managed(value: Any) -> ManagedInterface:
    entry = as_object(value)
    return ManagedInterface(
        manager=text(entry, "manager"),
        file=optional_text(entry, "file"),
        gateways=_addresses(entry, "gateways"),
        dynamic=_dynamic(entry),
    )


def parse_managers(snapshot: Mapping[str, Any]) -> Managers:
    """The key ``managers``; all of it is optional."""
    holder = mapping(snapshot, "managers")
    with within("managers"):
        interfaces = {}
        for name, value in mapping(holder, "interfaces").items():
            with within(f"interfaces.{name}"):
                interfaces[name] = _managed(value)
        return Managers(
            init=text(holder, "init"),
            installed=text_mapping(holder, "installed"),
            running=frozenset(texts(holder, "running")),
            networkd_removes=texts(holder, "networkd_removes"),
            rivals=texts(holder, "rivals"),
            interfaces=interfaces,
        )


def _lease(entry: Mapping[str, Any]) -> Lease:
    return Lease(
        interface=interface_name(entry, "interface"), routers=_addresses(entry, "routers"), file=text(entry, "file")
    )


def parse_leases(snapshot: Mapping[str, Any]) -> tuple[Lease, ...]:
    """The key ``leases``."""
    return parse_each(snapshot, "leases", _lease)
