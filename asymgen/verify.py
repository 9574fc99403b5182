"""Plan x snapshot -> findings: does the host do what was promised, and will it go on? Pure.

Answers are asked of the model (and on a live host of the kernel: ``KernelAnswer``); rules, routes, groups and
settings are compared with the lowered plan; what others set up is looked at where it decides before ours. Sockets
without an address are in verify_unbound.py, the host's other programs and its files in verify_surroundings.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from asymgen.changes import Changes
from asymgen.detection import Detection
from asymgen.diagnosis import (
    FAR_AWAY,
    Question,
    alike,
    answer_words,
    expected_words,
    first_answers,
    inquiries,
    telling_questions,
    way_words,
)
from asymgen.findings import Finding, Severity, in_order
from asymgen.foreign import is_catch_all, is_tunnel_rule
from asymgen.iproute2 import route_words, rule_words
from asymgen.leftovers import find_leftovers
from asymgen.lookup import Answer, RoutingState, before
from asymgen.model import (
    PROTOCOL,
    Address,
    Family,
    Host,
    KernelState,
    Network,
    Plan,
    Route,
    RouteType,
    Rule,
    Uplink,
)
from asymgen.numbers import PRIORITIES_EACH, is_ours
from asymgen.owners import PROTOCOLS, Owners
from asymgen.promise import Ways
from asymgen.records import record
from asymgen.verify_surroundings import surroundings
from asymgen.verify_unbound import Connection, unbound

APPLY = "asymgen commands | sh"
WRITE = "asymgen detect --write"
DESTINATIONS_SHOWN = 3


@record
class KernelAnswer:
    """What ``ip route get`` said to one question: its way, or None with the error in words."""

    source: Address
    destination: Address
    way: tuple[str, Address | None] | None
    error: str = ""


def verify(
    detection: Detection,
    changes: Changes | None,
    *,
    asked: Iterable[KernelAnswer] = (),
    connections: Iterable[Connection] = (),
) -> tuple[Finding, ...]:
    """Everything that is wrong with the host, or will be. ``changes`` None: its files are not known. ``asked`` and
    ``connections`` are the kernel's own answers, on a live host."""
    host, plan, state = detection.host, detection.plan, detection.state
    if plan.nothing_to_do:
        return in_order([*_leftovers(host, plan, state), *_unresolved(plan)])
    owners = Owners(host, state, plan.kept)
    return in_order(
        [
            *_answers(detection, asked),
            *unbound(host, plan, connections),
            *_kernel_state(host, plan, state),
            *_leftovers(host, plan, state),
            *_ahead(host, plan, owners),
            *_numbers_taken(host, plan, owners),
            *_tables_taken(detection),
            *surroundings(detection, changes),
            *_unresolved(plan),
        ]
    )


# --- answers ---------------------------------------------------------------------------------------------


def _answers(detection: Detection, asked: Iterable[KernelAnswer]) -> Iterator[Finding]:
    """The kernel's own word where it was asked, else the model's; one finding for each source and wrong way."""
    not_mended = {(problem.source, problem.destination) for problem in detection.remaining}
    live = {(answer.source, answer.destination): answer for answer in asked}
    wrong: dict[tuple[Address, str, Ways], list[Address]] = {}
    for question, model in _modelled(detection, before(detection.host)):
        kernel = live.get((question.source, question.destination)) if live else None
        if kernel is None:
            is_right, actual = model.ways == question.ways and not model.is_error, model.words
        else:
            is_right, actual = kernel.way in question.ways, _kernel_words(kernel)
            if kernel.way is not None and kernel.way not in model.ways:
                yield _disagreement(question, actual, model.words)
        if is_right:
            continue
        if (question.source, question.destination) in not_mended:
            yield _others_decide(question, actual)
        else:
            wrong.setdefault((question.source, actual, question.ways), []).append(question.destination)
    expected = {ways: expected_words(ways) for ways in {ways for _, _, ways in wrong}}
    for (source, actual, ways), destinations in wrong.items():
        yield _wrong_answer(source, destinations, actual=actual, expected=expected[ways])


@record
class _Modelled:
    """What the model answers to one question and to all that are alike."""

    ways: frozenset[tuple[str | None, Address | None]]
    is_error: bool
    words: str


def _modelled(detection: Detection, routing: RoutingState) -> Iterator[tuple[Question, _Modelled]]:
    for inquiry in inquiries(detection.host, detection.plan):
        firsts = alike(routing, inquiry.sources)
        for destination, ways in inquiry.destinations:
            answers = first_answers(routing, inquiry.sources, firsts, destination=destination)
            told = {first: _told(answer) for first, answer in answers.items()}
            for source, first in zip(inquiry.sources, firsts):
                yield Question(source, destination, ways), told[first]


def _told(answer: Answer) -> _Modelled:
    ways = frozenset((way.interface, way.gateway) for way in answer.ways)
    return _Modelled(ways, answer.kind.is_error, answer_words(answer))


def _kernel_words(answer: KernelAnswer) -> str:
    return f"nowhere ({answer.error})" if answer.way is None else way_words(*answer.way)


def _wrong_answer(source: Address, destinations: Sequence[Address], *, actual: str, expected: str) -> Finding:
    shown = ", ".join(map(str, destinations[:DESTINATIONS_SHOWN]))
    more = len(destinations) - DESTINATIONS_SHOWN
    return Finding(
        Severity.ERROR, "answer",
        f"answers from {source} to {shown}{f' and {more} more' if more > 0 else ''} leave by {actual}, should leave by "
        f"{expected}",
        "the other provider, its firewall or strict rp_filter drops them: the address seems dead from there",
        f"`asymgen explain {source} {destinations[0]}` shows which rule decides; `{APPLY}` puts the plan in place",
    )  # fmt: skip


def _others_decide(question: Question, actual: str) -> Finding:
    """Neighbours of another uplink are one thing; where the rest of the world goes, the address is dead."""
    is_far = question.destination in FAR_AWAY[Family(question.destination.version)]
    return Finding(
        Severity.WARNING if is_far else Severity.INFO, "others-decide",
        f"answers from {question.source} to {question.destination} leave by {actual} instead of {question.expected}",
        "a rule or route of somebody else decides before ours, and asymgen leaves that alone",
        f"`asymgen explain {question.source} {question.destination}` names it; move it, if that is not meant",
    )  # fmt: skip


def _disagreement(question: Question, kernel: str, model: str) -> Finding:
    return Finding(
        Severity.INFO, "model",
        f"from {question.source} to {question.destination} the kernel says {kernel}, asymgen's model {model}",
        "the kernel knows something that the snapshot does not show (a PMTU exception, a route that just changed)",
        "run it again; if it stays, report it with the output of `asymgen snapshot`",
    )  # fmt: skip


# --- the kernel against the plan -------------------------------------------------------------------------


def _text(rule: Rule) -> str:
    return f"ip -{rule.family.value} rule add {' '.join(rule_words(rule, protocol=False))}"


def _kernel_state(host: Host, plan: Plan, state: KernelState) -> Iterator[Finding]:
    if not any(is_ours(rule, plan.kept) for rule in host.rules):
        yield Finding(
            Severity.ERROR, "not-applied", f"none of the plan's {len(set(state.rules))} rules is in the kernel",
            "every answer takes main's default, as if asymgen were not there",
            f"`{APPLY}` now; `{WRITE}` for the next boot, if that was not done",
        )  # fmt: skip
        return
    yield from _rules(host, plan, state)
    yield from _routes(host, state)
    yield from _groups(host, state)
    yield from _settings(host, state)


def _rules(host: Host, plan: Plan, state: KernelState) -> Iterator[Finding]:
    live = Counter(_key(rule) for rule in host.rules if is_ours(rule, plan.kept))
    for rule in dict.fromkeys(replace(rule, protocol=0) for rule in state.rules):
        count = live[_key(rule)]
        if count == 0:
            yield Finding(
                Severity.ERROR, "rule-missing", f"not in the kernel: {_text(rule)}",
                "answers of that source take main's default again", f"`{APPLY}`, or restart what should set it",
            )  # fmt: skip
        elif count > 1:
            yield Finding(
                Severity.WARNING, "rule-duplicated", f"{count} times in the kernel: {_text(rule)}",
                "two backends, or an old kernel, added it twice: one removal leaves the other behind",
                "`asymgen remove`, then write and apply it again",
            )  # fmt: skip


def _key(rule: Rule) -> tuple[Family, tuple[str, ...]]:
    return rule.family, rule_words(rule, protocol=False)


def _routes(host: Host, state: KernelState) -> Iterator[Finding]:
    live: dict[tuple[int, Network, RouteType], list[Route]] = {}
    for route in host.routes:
        live.setdefault((route.table, route.destination, route.type), []).append(route)
    tables = {(route.family, route.table) for route in host.routes}
    for each in state.uplinks:
        uplink = each.uplink
        if (uplink.family, uplink.table) not in tables:
            yield _empty_table(uplink, is_up=_is_up(host, uplink.interface))
            continue
        for route in each.routes:
            there = live.get((route.table, route.destination, route.type), [])
            if not any(_same(known, route) for known in there):
                yield _route_finding(route, there)


def _same(live: Route, wanted: Route) -> bool:
    if live.family is not wanted.family:
        return False
    ways = {(hop.interface, hop.gateway) for hop in live.nexthops}
    return wanted.type is RouteType.THROW or ways == {(hop.interface, hop.gateway) for hop in wanted.nexthops}


def _route_finding(wanted: Route, live: list[Route]) -> Finding:
    command = f"ip -{wanted.family.value} route replace {' '.join(route_words(replace(wanted, protocol=0)))}"
    others = [route for route in live if route.family is wanted.family]
    if others:
        found = " or ".join(way_words(hop.interface, hop.gateway) for route in others for hop in route.nexthops)
        return Finding(
            Severity.ERROR, "route-changed", f"goes by {found} in the kernel, wanted: {command}",
            "answers leave by a next hop that the plan does not know (a DHCP server may have changed it)",
            f"`{WRITE}` if the new one is right, `{APPLY}` if not",
        )  # fmt: skip
    return Finding(
        Severity.ERROR, "route-missing", f"not in the kernel: {command}",
        "what that table does not answer, main does: by the other uplink", f"`{APPLY}`",
    )  # fmt: skip


def _empty_table(uplink: Uplink, *, is_up: bool) -> Finding:
    severity = Severity.ERROR if is_up else Severity.WARNING
    state = "" if is_up else " (the link is down: it has no routes until it is up)"
    return Finding(
        severity, "table-empty", f"IPv{uplink.family} table {uplink.table} of {uplink.interface} is empty{state}",
        "its rules fall through to main, and answers leave by the other uplink without a word",
        f"`{APPLY}`; if it is empty again after a link flap, its backend did not hear of that",
    )  # fmt: skip


def _is_up(host: Host, interface: str) -> bool:
    link = host.link(interface)
    return link is not None and link.is_up


def _groups(host: Host, state: KernelState) -> Iterator[Finding]:
    for member in state.groups:
        link = host.link(member.interface)
        if link is not None and link.group != member.group:
            yield Finding(
                Severity.ERROR, "group", f"{member.interface} is in device group {link.group}, wanted {member.group}",
                "the guard tells uplinks apart by group: answers may take another uplink's more specific routes",
                f"`ip link set dev {member.interface} group {member.group}`, or `{APPLY}`",
            )  # fmt: skip


def _settings(host: Host, state: KernelState) -> Iterator[Finding]:
    for setting in state.sysctls:
        live = host.sysctls.get(setting.key)
        if live is not None and live != setting.value:
            yield Finding(
                Severity.WARNING, "setting", f"{setting.key} is {live}, wanted {setting.value}", setting.why,
                f"`sysctl -w {setting.key}={setting.value}`, and see what else in /etc/sysctl.d sets it",
            )  # fmt: skip


def _leftovers(host: Host, plan: Plan, state: KernelState) -> Iterator[Finding]:
    stale = find_leftovers(host, plan.kept, wanted=state)
    texts = [_text(rule) for rule in stale.rules]
    texts += [f"table {route.table}: {route.destination}" for route in stale.routes]
    texts += [f"{member.interface} in device group {member.group}" for member in stale.groups]
    for text in texts:
        yield Finding(
            Severity.WARNING, "stale", f"of an earlier plan, still in the kernel: {text}",
            "it goes on deciding for addresses that may belong to somebody else by now", f"`{APPLY}` takes it away",
        )  # fmt: skip


# --- what others set up ----------------------------------------------------------------------------------


def _ahead(host: Host, plan: Plan, owners: Owners) -> Iterator[Finding]:
    """Rules for everybody that are asked before ours. A jump of ours passes one of them."""
    for family in sorted(plan.active):
        uplinks = {uplink.interface for uplink in plan.uplinks if uplink.family is family}
        ours = [rule.priority for rule in host.rules if rule.family is family and is_ours(rule, plan.kept)]
        first = min(ours, default=min(uplink.priority for uplink in plan.uplinks if uplink.family is family))
        for rule in host.rules:
            is_before = rule.family is family and rule.priority < first and not is_ours(rule, plan.kept)
            if is_before and is_catch_all(rule) and is_tunnel_rule(host, rule, uplinks):
                yield _got_ahead(rule, owners.of(rule))


def _got_ahead(rule: Rule, owner: str) -> Finding:
    return Finding(
        Severity.ERROR, "ahead", f"a rule of others ({owner}) is asked before all of ours: {_text(rule)}",
        "answers enter its tunnel instead of leaving by their uplink; a rule without a priority always gets there",
        f"`{APPLY}` puts a jump before it; asymgen-watch does so by itself (`{WRITE} --ahead`)",
    )  # fmt: skip


def _numbers_taken(host: Host, plan: Plan, owners: Owners) -> Iterator[Finding]:
    for uplink in plan.uplinks:
        slot = range(uplink.priority, uplink.priority + PRIORITIES_EACH)
        for rule in host.rules:
            if rule.family is uplink.family and rule.priority in slot and not is_ours(rule, plan.kept):
                yield Finding(
                    Severity.WARNING, "number-taken",
                    f"a rule of others ({owners.of(rule)}) stands among those of {uplink.interface}: {_text(rule)}",
                    "which of two rules of one priority is asked first depends on which was added first",
                    "give it another priority, or `--priority-base` to ours",
                )  # fmt: skip
            elif rule.table == uplink.table and rule.family is uplink.family and not is_ours(rule, plan.kept):
                yield Finding(
                    Severity.WARNING, "number-taken",
                    f"a rule of others ({owners.of(rule)}) uses {uplink.interface}'s table: {_text(rule)}",
                    "its packets take this uplink, and its owner may put routes into the table",
                    "give one of them another table: `--table-base` moves ours",
                )  # fmt: skip


def _tables_taken(detection: Detection) -> Iterator[Finding]:
    """Routes of others in our tables. What networkd itself learns for an uplink (DHCP, RA) is meant to be there."""
    host, plan = detection.host, detection.plan
    learning = {name for use in detection.backends if use.name == "systemd-networkd" for name in use.interfaces}
    wanted = {_route_key(route) for route in detection.state.routes}
    for uplink in plan.uplinks:
        for route in host.routes:
            is_there = (route.family, route.table) == (uplink.family, uplink.table) and route.protocol != PROTOCOL
            is_learnt = uplink.interface in learning and set(route.interfaces) == {uplink.interface}
            if is_there and not is_learnt and _route_key(route) not in wanted:
                yield _table_taken(uplink, route)


def _route_key(route: Route) -> tuple[Family, int, Network, RouteType]:
    return route.family, route.table, route.destination, route.type


def _table_taken(uplink: Uplink, route: Route) -> Finding:
    owner = PROTOCOLS.get(route.protocol, f"protocol {route.protocol}")
    return Finding(
        Severity.WARNING, "number-taken",
        f"a route of others ({owner}) is in {uplink.interface}'s table: "
        f"ip -{route.family.value} route add {' '.join(route_words(route))}",
        "answers to that network take it, whatever the uplink",
        "give one of them another table: `--table-base` moves ours",
    )  # fmt: skip


def _unresolved(plan: Plan) -> Iterator[Finding]:
    for one in plan.unresolved:
        yield Finding(
            Severity.INFO, "unresolved", f"{one.interface} has IPv{one.family.value} addresses and no known next hop",
            "its answers take main's default", one.why,
        )  # fmt: skip


def kernel_questions(host: Host, plan: Plan) -> Mapping[tuple[Address, Address], Question]:
    """What to ask the kernel, by source and destination."""
    return {(each.source, each.destination): each for each in telling_questions(host, plan)}
