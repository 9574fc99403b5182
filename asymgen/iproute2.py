"""Rules and routes as ip(8) takes and prints them. Pure; knows nothing of shells or quoting.

The words stand in the order in which ``ip -N rule show`` and ``ip -N route show`` print them, so
that what a script adds can be compared, word for word, with what the kernel holds. Numbers only:
names of tables, protocols and groups depend on files that may change.

Sources: ip-rule(8), ip-route(8); iproute2's iprule.c (print_rule) and iproute.c (print_route).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from asymgen.model import Address, Family, Network, Range, Route, RouteType, Rule, RuleAction


def network_word(network: Network) -> str:
    """A prefix as ip(8) prints it: a single address without its length."""
    if network.prefixlen == network.max_prefixlen:
        return str(network.network_address)
    return str(network)


def destination_word(network: Network) -> str:
    """A route's destination as ip(8) prints it: ``default`` for everything."""
    return "default" if network.prefixlen == 0 else network_word(network)


def _range_word(ports: Range) -> str:
    return str(ports.first) if ports.first == ports.last else f"{ports.first}-{ports.last}"


def rule_words(rule: Rule, *, protocol: bool = True) -> tuple[str, ...]:
    """The words after ``ip -4|-6 rule add|del``; ``protocol`` False for kernels before 4.17."""
    words = [
        "pref",
        str(rule.priority),
        *(["not"] if rule.inverted else []),
        *_selector_words(rule),
        *_action_words(rule),
    ]
    if protocol and rule.protocol:
        words += ["protocol", str(rule.protocol)]
    return tuple(words)


def _selector_words(rule: Rule) -> Iterator[str]:
    selectors = (
        ("from", "all" if rule.source is None else network_word(rule.source)),
        ("to", None if rule.destination is None else network_word(rule.destination)),
        ("tos", None if rule.tos is None else f"{rule.tos:#04x}"),
        ("fwmark", _mark_word(rule)),
        ("iif", rule.iif),
        ("oif", rule.oif),
        ("uidrange", None if rule.uids is None else f"{rule.uids.first}-{rule.uids.last}"),
        ("ipproto", None if rule.ipproto is None else str(rule.ipproto)),
        ("sport", None if rule.sport is None else _range_word(rule.sport)),
        ("dport", None if rule.dport is None else _range_word(rule.dport)),
    )
    for name, value in selectors:
        if value is not None:
            yield from (name, value)


def _mark_word(rule: Rule) -> str | None:
    if rule.mark is None:
        return None
    # Without a mask, mark 0 would match every packet.
    whole = rule.mask in (None, 0xFFFFFFFF)
    return f"{rule.mark:#x}" if whole and rule.mark else f"{rule.mark:#x}/{0xFFFFFFFF if whole else rule.mask:#x}"


def _action_words(rule: Rule) -> Iterator[str]:
    if rule.action is RuleAction.GOTO:
        yield from ("goto", str(rule.target))
    elif rule.action is RuleAction.LOOKUP:
        yield from ("lookup", str(rule.table))
        if rule.suppress_prefixlength is not None:
            yield from ("suppress_prefixlength", str(rule.suppress_prefixlength))
        if rule.suppress_group is not None:
            yield from ("suppress_ifgroup", str(rule.suppress_group))
    else:
        yield rule.action.value


def _via_words(family: Family, gateway: Address) -> tuple[str, ...]:
    if Family(gateway.version) is family:
        return ("via", str(gateway))
    return ("via", "inet6" if gateway.version == 6 else "inet", str(gateway))


def route_words(route: Route) -> tuple[str, ...]:
    """The words after ``ip -4|-6 route add|replace|del``: one leg, as all our routes have."""
    words = [] if route.type is RouteType.UNICAST else [route.type.value]
    words.append(destination_word(route.destination))
    for hop in route.nexthops[:1]:
        if hop.gateway is not None:
            words += _via_words(route.family, hop.gateway)
        if hop.interface is not None:
            words += ["dev", hop.interface]
        if hop.onlink:
            words.append("onlink")
    words += ["table", str(route.table)]
    if route.protocol:
        words += ["proto", str(route.protocol)]
    if route.mtu is not None:
        words += ["mtu", str(route.mtu)]
    return tuple(words)


_LEG = ("via", "gateway", "dev")


def decoder_for(text: str) -> json.JSONDecoder:
    """What reads the JSON of ``text``, which ``ip -j`` printed. Control characters inside strings are allowed, since
    ip(8) does not escape those of a name."""
    hook = _without_encapsulation if '"encap"' in text else None
    return json.JSONDecoder(strict=False, object_pairs_hook=hook)


def decode(text: str) -> Any:
    """JSON with what ``ip -j`` prints in it. Raises ValueError and RecursionError."""
    return decoder_for(text).decode(text)


def _without_encapsulation(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object without the words of an encapsulation where they stand twice: ip(8) prints them between the route's
    own, by names that these have as well (``dst``, ``table``), so the later one would win (tried, iproute2 6.1)."""
    keys = [key for key, _ in pairs]
    start = keys.index("encap") + 1 if "encap" in keys else 0
    end = next((at for at in range(start, len(keys)) if keys[at] in _LEG), None)
    if not start or end is None or len(set(keys)) == len(keys):  # what asymgen wrote itself has no key twice
        return dict(pairs)
    # The route's own TOS comes last of these (before iproute2 4.4 first); encapsulations other than "ip" have none.
    own = [pair for pair in pairs[start:end] if pair[0] == "tos"][1 if pairs[start - 1][1] == "ip" else 0 :]
    return dict([*pairs[:start], *own, *pairs[end:]])
