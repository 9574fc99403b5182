"""The way of one packet through rules and tables, step by step, in words. Pure.

The steps are those of the model in lookup.py; this module only says them, and whose rules they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from asymgen.diagnosis import Question, answer_words, way_words
from asymgen.iproute2 import destination_word, rule_words
from asymgen.lookup import Answer, Fate, Packet, before
from asymgen.lookup import Step as LookupStep
from asymgen.model import RESERVED_TABLES, Address, Family, Host, Plan, Route, Rule
from asymgen.owners import Owners
from asymgen.promise import Promise
from asymgen.records import record

SELECTORS = {
    "from": "the packet comes from another source", "to": "the packet goes elsewhere",
    "tos": "the packet has another type of service", "fwmark": "the packet does not have that mark",
    "iif": "the packet did not arrive there", "oif": "the socket is not bound to that interface",
    "uidrange": "the sender is another user", "ipproto": "it is another protocol", "sport": "it is another source port",
    "dport": "it is another destination port", "l3mdev": "no VRF is involved",
    "not": "the packet has what the rule excludes",
}  # fmt: skip
"""Why a rule was passed over, by the selector that did not match."""

_TABLES = {0: "unspec", 253: "default", 254: "main", 255: "local"}


@record
class Step:
    """One rule that was asked: its words as ``ip rule`` shows them, whose it is, what came of it and why."""

    priority: int
    rule: str
    owner: str
    fate: str
    why: str


@record
class Explanation:
    """What happens to a packet. ``source`` None: unbound, and the kernel chose ``chosen``. ``answer`` is the way in
    words, ``expected`` what the plan promises for that source ("" where it promises nothing); ``again`` are the steps
    of the second question that a connecting socket asks with the chosen source, ``settled`` its answer."""

    source: Address | None
    destination: Address
    steps: tuple[Step, ...]
    answer: str
    chosen: Address | None
    route: str
    again: tuple[Step, ...] = ()
    settled: str = ""
    expected: str = ""


def explain(host: Host, plan: Plan, *, packet: Packet, owners: Owners) -> Explanation:
    """Ask the model about ``packet``; an unbound one is asked again with the source that the kernel chose."""
    routing = before(host)
    first = routing.lookup(packet, explain=True)
    names = dict(host.table_names)
    again: tuple[Step, ...] = ()
    settled = ""
    if packet.source is None and packet.family is Family.IPV4 and first.source is not None:
        second = routing.lookup(Packet(packet.family, packet.destination, source=first.source), explain=True)
        again, settled = tuple(_steps(second, owners, names)), answer_words(second)
    return Explanation(
        packet.source, packet.destination, tuple(_steps(first, owners, names)), answer_words(first),
        first.source if packet.source is None else None, _route(first.route), again, settled,
        _promised(host, plan, packet),
    )  # fmt: skip


def _promised(host: Host, plan: Plan, packet: Packet) -> str:
    """The way that the plan promises, where the packet is an answer of an uplink's address."""
    own = {address.address for link in host.links for address in link.addresses}
    if not packet.is_own or packet.destination in own or packet.family not in plan.active:
        return ""
    promise = Promise(plan, packet.family)
    for uplink in plan.uplinks:
        if packet.source in {address.address for address in uplink.addresses}:
            question = Question(
                uplink.addresses[0].address, packet.destination, promise.ways(uplink, packet.destination)
            )
            return question.expected
    return ""


def _steps(answer: Answer, owners: Owners, names: dict[int, str]) -> Iterator[Step]:
    for step in answer.steps:
        yield Step(
            step.rule.priority, _rule(step.rule), owners.of(step.rule), step.fate.value,
            _why(step, names),
        )  # fmt: skip


def _why(step: LookupStep, names: dict[int, str]) -> str:
    rule, route = step.rule, step.route
    table = _table(rule, names)
    if step.fate is Fate.SKIPPED:
        return SELECTORS.get(step.why, step.why)
    if step.fate is Fate.NO_ROUTE:
        return f"{table} has no route to there: on to the next rule"
    if step.fate is Fate.THROWN:
        return f"{table} says throw: on to the next rule"
    if step.fate is Fate.SUPPRESSED and route is not None:
        return f"{table} has {_route(route)}, but {_suppressor(rule, route)}: on to the next rule"
    if step.fate is Fate.DECIDED and route is not None:
        return f"{table} has {_route(route)}: that is the way"
    return step.why


def _suppressor(rule: Rule, route: Route) -> str:
    length = route.destination.prefixlen
    if rule.suppress_prefixlength is not None and length <= rule.suppress_prefixlength:
        return f"the rule takes no route of length {rule.suppress_prefixlength} or less"
    return f"the rule takes no route by an interface of device group {rule.suppress_group}"


def _rule(rule: Rule) -> str:
    """As ``ip rule`` shows it, without priority and protocol."""
    words = list(rule_words(rule, protocol=False)[2:])
    if rule.table in RESERVED_TABLES and "lookup" in words:
        words[words.index("lookup") + 1] = _TABLES[rule.table or 0]
    return " ".join(words)


def _table(rule: Rule, names: dict[int, str]) -> str:
    number = rule.table or 0
    if number in RESERVED_TABLES:
        return f"table {_TABLES[number]}"
    return f"table {number} ({names[number]})" if number in names else f"table {number}"


def _route(route: Route | None) -> str:
    if route is None:
        return ""
    words = destination_word(route.destination)
    if route.type.value != "unicast":
        words = f"{route.type.value} {words}"
    ways = " or ".join(way_words(hop.interface, hop.gateway) for hop in route.nexthops)
    return f"the route {words}" + (f" by {ways}" if ways and not route.type.is_error else "")
