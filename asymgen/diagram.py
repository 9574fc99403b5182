"""What a picture of a host shows, before it is drawn: the ways out, what answers do today and with the plan. Pure.

``diagram_svg.py``, ``diagram_text.py`` and ``diagram_mermaid.py`` draw the same :class:`Diagram`. Every text in it
is printable, and as short as the domain allows; lists that may be long are cut and say how much is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from asymgen.diagnosis import FAR_AWAY, Question, answer_words, find_problems, find_remaining, way_words
from asymgen.diagram_words import cut, deciding_words, route_in_short, rules_in_short
from asymgen.lookup import Answer, Packet, RoutingState, after, before
from asymgen.model import Family, Host, KernelState, Plan, Uplink, UplinkState
from asymgen.problems import Problem
from asymgen.promise import Promise
from asymgen.records import record
from asymgen.report import os_name, printable

ADDRESSES_SHOWN, SOURCES_SHOWN, RULES_SHOWN, ROUTES_SHOWN = 4, 4, 12, 6
WRONG_SHOWN, OTHERS_SHOWN, NETWORKS_SHOWN = 2, 12, 3


@record
class Flow:
    """Answers that leave by ``way`` (``eth1 via 198.51.100.1``), decided ``by`` a rule, its table and the route.
    ``only`` says which answers, where they are not all to far away."""

    way: str
    right: bool
    by: str
    only: str = ""

    @property
    def verdict(self) -> str:
        return "right" if self.right else "wrong"


@record
class Answers:
    """What becomes of an uplink's answers to far away, and which others go wrong, in words."""

    flows: tuple[Flow, ...]
    wrong: tuple[str, ...]


@record
class Lane:
    """One uplink: the ``addresses`` that answers come from, the ``rules`` and the table's ``routes`` that the plan
    has for ``sources``, and the ``way`` that its answers should take. ``table`` is None where nothing is planned."""

    family: Family
    interface: str
    addresses: tuple[str, ...]
    way: str
    found: str
    today: Answers
    sources: str = ""
    rules: tuple[str, ...] = ()
    table: int | None = None
    routes: tuple[str, ...] = ()
    planned: Answers = Answers((), ())

    @property
    def name(self) -> str:
        return f"{self.interface}, IPv{self.family}"


@record
class Diagram:
    """A host. ``others`` are the interfaces that are no uplinks, in words; ``asked`` the addresses
    far away; ``groups`` who is in which device group; without a plan ``nothing`` says why."""

    title: str
    lanes: tuple[Lane, ...]
    others: tuple[str, ...]
    asked: tuple[str, ...]
    groups: tuple[str, ...] = ()
    nothing: str = ""


def draw(host: Host, plan: Plan, state: KernelState) -> Diagram:
    """The diagram of ``host`` with ``plan``, of which ``state`` is what the kernel holds afterwards."""
    shown = [uplink for uplink in plan.uplinks if uplink.family in plan.active] or list(plan.uplinks)
    today = _Observer(plan, before(host), find_problems(host, plan))
    planned = _Observer(plan, after(host, state), find_remaining(host, plan, state))
    states = {id(each.uplink): each for each in state.uplinks}
    families = sorted({uplink.family for uplink in shown})
    return Diagram(
        title=printable(f"{plan.hostname or 'this host'} ({os_name(host)})").replace("\n", " "),
        lanes=tuple(_lane(uplink, states.get(id(uplink)), today=today, planned=planned) for uplink in shown),
        others=cut(_others(host, plan), OTHERS_SHOWN),
        asked=tuple(str(address) for family in families for address in FAR_AWAY[family]),
        groups=tuple(_groups(state)),
        nothing="fewer than two uplinks, and no tunnel that takes replies away" if plan.nothing_to_do else "",
    )


def _lane(uplink: Uplink, state: UplinkState | None, *, today: _Observer, planned: _Observer) -> Lane:
    bare = Lane(
        family=uplink.family,
        interface=printable(uplink.interface),
        addresses=cut((f"{held.address}/{held.prefixlength}" for held in uplink.addresses), ADDRESSES_SHOWN),
        way=_own_way(uplink),
        found=printable(uplink.gateway_source),
        today=today.answers(uplink),
    )
    return bare if state is None else _with_plan(bare, state, planned.answers(uplink))


def _with_plan(lane: Lane, state: UplinkState, answers: Answers) -> Lane:
    return replace(
        lane,
        sources=", ".join(cut(map(str, state.uplink.sources), SOURCES_SHOWN)),
        rules=cut(rules_in_short(state.rules), RULES_SHOWN),
        table=state.uplink.table,
        routes=cut(map(route_in_short, state.routes), ROUTES_SHOWN),
        planned=answers,
    )


def _own_way(uplink: Uplink) -> str:
    return printable(way_words(uplink.interface, uplink.gateway))


def _others(host: Host, plan: Plan) -> Iterator[str]:
    """The interfaces that are no uplinks and no part of another one, each with the networks behind it."""
    seen = {uplink.interface for uplink in plan.uplinks} | {link.name for link in host.links if link.master is not None}
    reasons = [(one.interface, f"IPv{one.family}: {one.why}") for one in plan.unresolved]
    seen |= {interface for interface, _ in reasons} | {"lo"}
    reasons += [(other.interface, other.why) for other in plan.others if other.interface not in seen]
    for interface, why in reasons:
        single = (route.destination for route in plan.main if interface in route.interfaces)
        many = (bulk.networks for bulk in plan.bulk if interface in bulk.sample.interfaces)
        networks = dict.fromkeys(map(str, chain(single, *many)))
        reached = f"; {', '.join(cut(networks, NETWORKS_SHOWN))}" if networks else ""
        yield printable(f"{interface}: {why}{reached}")


def _groups(state: KernelState) -> Iterator[str]:
    members: dict[int, list[str]] = {}
    for member in state.groups:
        members.setdefault(member.group, []).append(member.interface)
    for group, interfaces in members.items():
        yield printable(f"Device group {group}: {', '.join(cut(interfaces, OTHERS_SHOWN))}")


class _Observer:
    """Asks a routing state about the answers of uplinks."""

    def __init__(self, plan: Plan, routing: RoutingState, problems: Iterable[Problem]) -> None:
        self.routing = routing
        self.promises = {family: Promise(plan, family) for family in Family}
        self.problems: dict[object, list[Problem]] = {}
        for problem in problems:
            if problem.destination not in FAR_AWAY[Family(problem.destination.version)]:
                self.problems.setdefault(problem.source, []).append(problem)

    def answers(self, uplink: Uplink) -> Answers:
        wrong: dict[str, list[str]] = {}
        for held in uplink.addresses:
            for problem in self.problems.get(held.address, ()):
                wrong.setdefault(f"wrong to {problem.destination}: {problem.actual}", []).append(str(held.address))
        return Answers(tuple(self._flows(uplink)), cut(map(printable, wrong), WRONG_SHOWN))

    def _flows(self, uplink: Uplink) -> Iterator[Flow]:
        """Answers to far away, those that leave alike together."""
        alike: dict[tuple[str, bool, str], list[tuple[str, str]]] = {}
        for question, answer in self._asked(uplink):
            by = deciding_words(answer.first)
            for way, right in _ways(answer, question):
                alike.setdefault((way, right, by), []).append((str(question.source), str(question.destination)))
        for (way, right, by), pairs in alike.items():
            yield Flow(way, right, by, _which(pairs, uplink))

    def _asked(self, uplink: Uplink) -> Iterator[tuple[Question, Answer]]:
        family = uplink.family
        for held in uplink.addresses:
            for destination in FAR_AWAY[family]:
                ways = self.promises[family].ways(uplink, destination)
                if ways:
                    packet = Packet(family, destination, source=held.address)
                    yield Question(held.address, destination, ways), self.routing.lookup(packet)


def _ways(answer: Answer, question: Question) -> Iterator[tuple[str, bool]]:
    """Each leg in words, and whether the promise allows it: an arrow points at one way only."""
    if not answer.ways:
        yield answer_words(answer), False
    for hop in answer.ways:
        allowed = (hop.interface, hop.gateway) in question.ways
        yield printable(way_words(hop.interface, hop.gateway)), allowed


def _which(pairs: Sequence[tuple[str, str]], uplink: Uplink) -> str:
    """Which answers, where it is not every address of the uplink to everywhere far away."""
    sources, destinations = (tuple(dict.fromkeys(column)) for column in zip(*pairs))
    words = []
    if len(sources) < len(uplink.addresses):
        words.append("from " + ", ".join(cut(sources, 1)))
    if len(destinations) < len(FAR_AWAY[uplink.family]):
        words.append("to " + ", ".join(destinations))
    return " ".join(words)
