"""The model of the lookup against a kernel: thousands of questions to random worlds, one answer each.

Worlds are numbered, and the same in every run; a failure names its world and shows the rules that the
model went through. ``ASYMGEN_LOOKUP_FIRST=5000 ASYMGEN_LOOKUP_WORLDS=1000`` asks others.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from asymgen.iproute2 import rule_words
from asymgen.lookup import Answer, Fate, Kind, Outcome, Packet, RoutingState
from asymgen.model import Family
from tests.lookup_worlds import DEVICES, SYSCTLS, World, ask, connect, load, local_routes, set_up, world
from tests.namespaces import Namespace, namespace

pytestmark = pytest.mark.netns

FIRST = int(os.environ.get("ASYMGEN_LOOKUP_FIRST", "1"))
WORLDS = int(os.environ.get("ASYMGEN_LOOKUP_WORLDS", "120"))
WORDS = {
    Kind.NONE: "Network is unreachable",
    Kind.UNREACHABLE: "No route to host",
    Kind.PROHIBIT: "Permission denied",
    Kind.BLACKHOLE: "Invalid argument",
}
TYPES = {"1": Kind.UNICAST, "2": Kind.LOCAL, "3": Kind.BROADCAST, "4": Kind.ANYCAST, "5": Kind.MULTICAST}  # ip -N
AT_LEAST = {
    "answers": 5000, "unicast": 1000, "local": 250, "error": 500, "several ways": 150, "every way taken": 5,
    "unbound": 1000, "forwarded": 300, "oif": 300, "suppressed": 200, "thrown": 50, "goto": 200,
    "goto without target": 50, "no action": 50,
}  # fmt: skip


@pytest.fixture(scope="module")
def kernel() -> Iterator[Namespace]:
    with namespace("lookup") as made:
        set_up(made)
        yield made


@pytest.mark.parametrize("family", list(Family), ids=lambda family: f"ipv{family.value}")
def test_model_answers_as_the_kernel(kernel: Namespace, family: Family) -> None:
    seen: Counter[str] = Counter()
    for number in range(FIRST, FIRST + WORLDS):
        made = world(family, number=number)
        load(kernel, made)
        state = model(made)
        taken: dict[tuple[Outcome, ...], set[Outcome]] = defaultdict(set)
        for packet, shown in zip(made.packets, ask(kernel, made)):
            answer = state.lookup(packet, explain=True)
            assert state.lookup(packet).outcomes == answer.outcomes, "only the rules that may match are asked there"
            agreeing = [outcome for outcome in answer.outcomes if _agrees(outcome, shown)]
            assert agreeing != [], f"world {number}\n{_report(made, packet, shown=shown, answer=answer)}"
            taken[answer.outcomes].add(agreeing[0])
            seen.update(_features(packet, answer))
        seen["every way taken"] += sum(set(several) == ways for several, ways in taken.items() if len(several) > 1)
    print(f"worlds {FIRST} to {FIRST + WORLDS - 1}: {dict(seen)}")
    wanted = {**AT_LEAST, "partly suppressed": 20 if family is Family.IPV6 else 0}
    assert {name: seen[name] for name in wanted if seen[name] < wanted[name]} == {}


@pytest.mark.parametrize("family", list(Family), ids=lambda family: f"ipv{family.value}")
def test_connecting_socket_gets_the_source_of_the_model(kernel: Namespace, family: Family) -> None:
    seen: Counter[str] = Counter()
    for number in range(FIRST, FIRST + WORLDS // 4):
        made = world(family, number=number)
        # Which port a socket will have is not known beforehand.
        made = replace(made, rules=tuple(rule for rule in made.rules if rule.sport is None))
        load(kernel, made)
        state = model(made)
        for destination, source in connect(kernel, family).items():
            packet = Packet(family, destination, ipproto=17, dport=53)
            answer = state.connect(packet)
            expected = {None if outcome.kind.is_error else outcome.source for outcome in answer.outcomes}
            assert source in expected, f"world {number}, {destination}: {source}, model: {answer.outcomes}"
            seen["refused" if source is None else "connected"] += 1
            seen["second question"] += state.lookup(packet) != answer
    print(dict(seen))
    assert min(seen["connected"], seen["refused"], seen["second question"]) > 10


def model(made: World) -> RoutingState:
    return RoutingState(made.rules, [*local_routes(), *made.routes], made.links, sysctls=SYSCTLS)


def _agrees(outcome: Outcome, shown: dict[str, Any] | str) -> bool:
    if isinstance(shown, str):
        by_rule = outcome.kind is Kind.UNREACHABLE and outcome.route is None
        return WORDS.get(Kind.NONE if by_rule else outcome.kind) == shown
    if outcome.kind is not TYPES[shown.get("type", "1")] or outcome.hop is None:
        return False
    source = shown.get("prefsrc")
    is_bound = shown.get("from", "::") != "::"
    source_agrees = is_bound or source == (outcome.source and str(outcome.source))
    if outcome.kind is Kind.LOCAL:
        return source_agrees
    table = shown.get("table", "254")
    return (
        shown["dev"] == outcome.hop.interface
        and shown.get("gateway") == (outcome.hop.gateway and str(outcome.hop.gateway))
        and (outcome.route is None or table == str(outcome.route.table))
        and source_agrees
    )


def _features(packet: Packet, answer: Answer) -> Iterator[str]:
    fates = {step.fate for step in answer.steps}
    yield "answers"
    yield "error" if answer.kind.is_error else answer.kind.value
    yield from (fate.value for fate in (Fate.SUPPRESSED, Fate.THROWN, Fate.UNRESOLVED, Fate.NO_ACTION) if fate in fates)
    tests = {
        "goto": Fate.JUMPED in fates,
        "several ways": len(answer.ways) > 1,
        "partly suppressed": len({outcome.rule for outcome in answer.outcomes}) > 1,
        "unbound": packet.source is None,
        "forwarded": not packet.is_own,
        "oif": packet.oif is not None,
    }
    yield from (name for name, holds in tests.items() if holds)


def _report(world: World, packet: Packet, *, shown: dict[str, Any] | str, answer: Answer) -> str:
    steps = (f"  {' '.join(rule_words(step.rule))}\n    {step.fate.value}: {step.why}" for step in answer.steps)
    routes = (f"  {route}" for route in world.routes if packet.destination in route.destination)
    groups = dict(zip(DEVICES, world.groups))
    return "\n".join(
        [f"{packet}", f"kernel: {shown}", f"model: {answer.outcomes}", f"groups: {groups}", *steps, *routes]
    )
