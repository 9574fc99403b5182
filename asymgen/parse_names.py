"""Names that ip(8) prints for numbers, and the numbers behind them.

``ip -j`` prints a name wherever a file names the number, and those files are the administrator's.
So the snapshot brings the host's own (``rt_tables``, ``rt_protos``, ``groups``); what iproute2
compiles in, or ships, stands here.

Sources: iproute2 lib/rt_names.c, etc/iproute2/rt_protos, rt_dsfield; IANA protocol numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from asymgen.model import PROTOCOL, TABLE_DEFAULT, TABLE_LOCAL, TABLE_MAIN
from asymgen.parse_fields import MISSING, MalformedError, mapping, number_of
from asymgen.records import record

_TABLES = {"unspec": 0, "default": TABLE_DEFAULT, "main": TABLE_MAIN, "local": TABLE_LOCAL}

_PROTOCOLS = {
    "unspec": 0, "none": 0, "redirect": 1, "kernel": 2, "boot": 3, "static": 4,
    "gated": 8, "ra": 9, "mrt": 10, "zebra": 11, "bird": 12, "dnrouted": 13, "xorp": 14, "ntk": 15, "dhcp": 16,
    "mrouted": 17, "keepalived": 18, "babel": 42, "openr": 99,
    "bgp": 186, "isis": 187, "ospf": 188, "rip": 189, "eigrp": 192,
    "asymgen": PROTOCOL,
}  # fmt: skip

_DS_FIELDS = {
    "default": 0x00, "CS0": 0x00, "LE": 0x04, "CS1": 0x20, "CS2": 0x40, "CS3": 0x60, "CS4": 0x80, "CS5": 0xA0,
    "CS6": 0xC0, "CS7": 0xE0, "AF11": 0x28, "AF12": 0x30, "AF13": 0x38, "AF21": 0x48, "AF22": 0x50, "AF23": 0x58,
    "AF31": 0x68, "AF32": 0x70, "AF33": 0x78, "AF41": 0x88, "AF42": 0x90, "AF43": 0x98, "VOICE-ADMIT": 0xB0, "EF": 0xB8,
    "lowdelay": 0x10, "throughput": 0x08, "reliability": 0x04, "mincost": 0x02,
    "low-cost": 0x02, "lowcost": 0x02,
}  # fmt: skip

_IP_PROTOCOLS = {
    "ip": 0, "hopopt": 0, "icmp": 1, "igmp": 2, "ggp": 3, "ipencap": 4, "ipv4": 4, "st": 5, "tcp": 6, "egp": 8,
    "igp": 9, "pup": 12, "udp": 17, "hmp": 20, "xns-idp": 22, "rdp": 27, "iso-tp4": 29, "dccp": 33, "xtp": 36,
    "ddp": 37, "idpr-cmtp": 38, "ipv6": 41, "ipv6-route": 43, "ipv6-frag": 44, "idrp": 45, "rsvp": 46, "gre": 47,
    "esp": 50, "ipv6-esp": 50, "ah": 51, "ipv6-auth": 51, "skip": 57, "ipv6-icmp": 58, "ipv6-nonxt": 59,
    "ipv6-opts": 60, "rspf": 73, "vmtp": 81, "eigrp": 88, "ospf": 89, "ospfigp": 89, "ax.25": 93, "ipip": 94,
    "etherip": 97, "encap": 98, "pim": 103, "ipcomp": 108, "vrrp": 112, "l2tp": 115, "isis": 124, "sctp": 132,
    "fc": 133, "mobility-header": 135, "udplite": 136, "mpls-in-ip": 137, "manet": 138, "hip": 139, "shim6": 140,
    "wesp": 141, "rohc": 142, "ethernet": 143,
}  # fmt: skip


@record
class Names:
    """Numbers by name, for one host. ``unknown_protocols`` collects names that nothing resolves."""

    tables: Mapping[str, int]
    protocols: Mapping[str, int]
    groups: Mapping[str, int]
    ds_fields: Mapping[str, int]
    unknown_protocols: set[str] = field(default_factory=set)

    def table(self, holder: Mapping[str, Any], key: str, default: int | None = None) -> int | None:
        """The table under ``key``; a name that nobody knows is an error, since routes hang on it."""
        value = holder.get(key)
        if value is None:
            return default
        return _number_or_name(holder, key, self.tables, "a table's number, or a name that rt_tables has")

    def group(self, holder: Mapping[str, Any], key: str) -> int | None:
        """The device group under ``key``."""
        if holder.get(key) is None:
            return None
        return _number_or_name(holder, key, self.groups, "a device group's number, or a name that groups has")

    def protocol(self, holder: Mapping[str, Any]) -> int:
        """Who made a route or rule. An unknown name is somebody else, and that is all asymgen needs
        to know: it counts as 0, and a note says so."""
        value = holder.get("protocol")
        if value is None:
            return 0
        number = self.protocols.get(value) if isinstance(value, str) else None
        number = number_of(value) if number is None else number
        if number is None and isinstance(value, str):
            self.unknown_protocols.add(value)
            return 0
        if number is None or number > 255:
            raise MalformedError("protocol", value, "a name, or a number from 0 to 255")
        return number

    def tos(self, holder: Mapping[str, Any]) -> int | None:
        """The TOS byte, which ip(8) prints as ``0x10`` or by a name of rt_dsfield."""
        if holder.get("tos") is None:
            return None
        return _number_or_name(holder, "tos", self.ds_fields, "a number from 0x00 to 0xff, or a DS field's name")


def _number_or_name(holder: Mapping[str, Any], key: str, names: Mapping[str, int], expected: str) -> int:
    value = holder.get(key, MISSING)
    # A name first: nothing forbids an administrator to call a table "100".
    number = names.get(value) if isinstance(value, str) else None
    number = number_of(value) if number is None else number
    if number is None:
        raise MalformedError(key, value, expected)
    return number


def ip_protocol(holder: Mapping[str, Any]) -> int | None:
    """The number of the rule selector ``ipproto``: ip(8) prints "tcp", "ipproto-200" or "200". None where
    the name is unknown (a host's own /etc/protocols)."""
    value = holder.get("ipproto")
    number = _IP_PROTOCOLS.get(value.lower()) if isinstance(value, str) else None
    if number is None:
        number = number_of(value.removeprefix("ipproto-") if isinstance(value, str) else value)
    return number if number is not None and number <= 255 else None


def parse_number_names(snapshot: Mapping[str, Any], key: str) -> dict[int, str]:
    """A ``{"100": "name"}`` of the snapshot."""
    found = {}
    for digits, name in mapping(snapshot, key).items():
        number = number_of(digits)
        if number is None:
            raise MalformedError(key, digits, "numbers as keys")
        if not isinstance(name, str):
            raise MalformedError(f"{key}.{digits}", name, "a name")
        found[number] = name
    return found


def parse_names(snapshot: Mapping[str, Any]) -> Names:
    """The names that hold on the snapshot's host: its own over iproute2's."""
    return Names(
        tables={**_TABLES, **_by_name(snapshot, "rt_tables")},
        protocols={**_PROTOCOLS, **_by_name(snapshot, "rt_protos")},
        groups={"default": 0, **_by_name(snapshot, "groups")},
        ds_fields={**_DS_FIELDS, **_by_name(snapshot, "rt_dsfield")},
    )


def _by_name(snapshot: Mapping[str, Any], key: str) -> dict[str, int]:
    return {name: number for number, name in parse_number_names(snapshot, key).items()}
