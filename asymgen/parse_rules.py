"""``ip -j -d rule show`` into :class:`~asymgen.model.Rule`.

A key that this module does not know may be a selector of a newer kernel. Such a rule is kept and its key named
in ``unmodelled``: nobody may conclude that it matches, nor that it does not.

Source: iproute2 ip/iprule.c (print_rule); compared with a kernel in ``tests/netns/test_probe.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asymgen.model import Family, Network, Range, Rule, RuleAction
from asymgen.parse_fields import (
    MISSING,
    MalformedError,
    network,
    number,
    optional_number,
    optional_text,
    parse_each,
    text,
    truth,
)
from asymgen.parse_names import Names, ip_protocol

_ACTIONS = {
    "blackhole": RuleAction.BLACKHOLE,
    "unreachable": RuleAction.UNREACHABLE,
    "prohibit": RuleAction.PROHIBIT,
    "nop": RuleAction.NOP,
    "goto": RuleAction.GOTO,
    "lookup": RuleAction.LOOKUP,
    "to_tbl": RuleAction.LOOKUP,
}
_EVERY_BIT = 0xFFFFFFFF
_MODELLED = frozenset(
    (
        "priority", "not", "src", "srclen", "dst", "dstlen", "tos", "fwmark", "fwmask", "iif", "oif", "uid_start",
        "uid_end", "ipproto", "sport", "sport_start", "sport_end", "dport", "dport_start", "dport_end", "l3mdev",
        "table", "suppress_prefixlen", "suppress_ifgroup", "goto", "unresolved", "action", "nop", "protocol",
        # No selectors: the kernel says that no such interface exists now, and the routing realms.
        "iif_detached", "oif_detached", "flow_from", "flow_to",
    )
)  # fmt: skip


def parse_rules(snapshot: Mapping[str, Any], key: str, family: Family, *, names: Names) -> tuple[Rule, ...]:
    """The rules of one family under ``key``, in the kernel's order."""
    return parse_each(snapshot, key, lambda entry: parse_rule(entry, family, names=names), required=True)


def parse_rule(entry: Mapping[str, Any], family: Family, *, names: Names) -> Rule:
    """One rule."""
    action = _action(entry)
    mark, mask = _mark(entry)
    protocol_number = ip_protocol(entry)
    return Rule(
        family=family,
        priority=number(entry, "priority"),
        action=action,
        table=names.table(entry, "table") if action is RuleAction.LOOKUP else None,
        target=None if truth(entry, "unresolved") else _target(entry),
        source=_selected(entry, "src", family),
        destination=_selected(entry, "dst", family),
        iif=optional_text(entry, "iif"),
        oif=optional_text(entry, "oif"),
        mark=mark,
        mask=mask,
        tos=names.tos(entry),
        ipproto=protocol_number,
        sport=_ports(entry, "sport"),
        dport=_ports(entry, "dport"),
        uids=_range(entry, "uid_start", "uid_end", most=_EVERY_BIT),
        suppress_prefixlength=optional_number(entry, "suppress_prefixlen", most=family.bits),
        suppress_group=names.group(entry, "suppress_ifgroup"),
        inverted=truth(entry, "not"),
        l3mdev=truth(entry, "l3mdev"),
        protocol=names.protocol(entry),
        unmodelled=_unmodelled(entry, protocol_number),
    )


def _action(entry: Mapping[str, Any]) -> RuleAction:
    if "goto" in entry:
        return RuleAction.GOTO
    if "nop" in entry:
        return RuleAction.NOP
    if "action" in entry:
        named = _ACTIONS.get(text(entry, "action"))
        if named is None:
            raise MalformedError("action", entry["action"], f"one of {', '.join(_ACTIONS)}")
        return named
    if entry.get("table") is None and not truth(entry, "l3mdev"):
        raise MalformedError("table", MISSING, "one of table, goto, nop, action, l3mdev")
    return RuleAction.LOOKUP


def _target(entry: Mapping[str, Any]) -> int | None:
    return None if entry.get("goto") == "none" else optional_number(entry, "goto")


def _selected(entry: Mapping[str, Any], key: str, family: Family) -> Network | None:
    if entry.get(key) in (None, "all"):
        return None
    found = network(entry, key, family, length_key=f"{key}len")
    return found if found.prefixlen else None


def _mark(entry: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Mark and mask. ip(8) leaves out a mask of all ones, and prints neither where the mask is 0."""
    mark, mask = optional_number(entry, "fwmark"), optional_number(entry, "fwmask")
    if mark is None and mask is None:
        return None, None
    return mark or 0, _EVERY_BIT if mask is None else mask


def _ports(entry: Mapping[str, Any], key: str) -> Range | None:
    if entry.get(key) is not None:
        port = number(entry, key, most=65535)
        return Range(port, port)
    return _range(entry, f"{key}_start", f"{key}_end", most=65535)


def _range(entry: Mapping[str, Any], first: str, last: str, *, most: int) -> Range | None:
    if entry.get(first) is None and entry.get(last) is None:
        return None
    return Range(number(entry, first, most=most), number(entry, last, most=most))


def _unmodelled(entry: Mapping[str, Any], protocol_number: int | None) -> tuple[str, ...]:
    unresolved = ("ipproto",) if entry.get("ipproto") is not None and protocol_number is None else ()
    return unresolved + tuple(key for key in entry if key not in _MODELLED)
