"""Rules and routes as ip(8) takes and prints them. Pure; knows nothing of shells or quoting.

The words stand in the order in which ``ip -N rule show`` and ``ip -N route show`` print them, so
that what a script adds can be compared, word for word, with what the kernel holds. Numbers only:
names of tables, protocols and groups depend on files that may change.

Sources: ip-rule(8), ip-route(8); iproute2's iprule.c (print_rule) and iproute.c (print_route).
"""

from __future__ import annotations

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
    words = ["pref", str(rule.priority)]
    if rule.inverted:
        words.append("not")
    words += ["from", network_word(rule.source) if rule.source is not None else "all"]
    if rule.destination is not None:
        words += ["to", network_word(rule.destination)]
    if rule.tos is not None:
        words += ["tos", f"{rule.tos:#04x}"]
    if rule.mark is not None:
        mask = "" if rule.mask in (None, 0xFFFFFFFF) else f"/{rule.mask:#x}"
        words += ["fwmark", f"{rule.mark:#x}{mask}"]
    if rule.iif is not None:
        words += ["iif", rule.iif]
    if rule.oif is not None:
        words += ["oif", rule.oif]
    if rule.uids is not None:
        words += ["uidrange", f"{rule.uids.first}-{rule.uids.last}"]
    if rule.ipproto is not None:
        words += ["ipproto", str(rule.ipproto)]
    if rule.sport is not None:
        words += ["sport", _range_word(rule.sport)]
    if rule.dport is not None:
        words += ["dport", _range_word(rule.dport)]
    if rule.action is RuleAction.LOOKUP:
        words += ["lookup", str(rule.table)]
        if rule.suppress_prefixlength is not None:
            words += ["suppress_prefixlength", str(rule.suppress_prefixlength)]
        if rule.suppress_group is not None:
            words += ["suppress_ifgroup", str(rule.suppress_group)]
    elif rule.action is RuleAction.GOTO:
        words += ["goto", str(rule.target)]
    else:
        words.append(rule.action.value)
    if protocol and rule.protocol:
        words += ["protocol", str(rule.protocol)]
    return tuple(words)


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
