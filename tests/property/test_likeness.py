"""Addresses that the model calls alike are answered alike, in random worlds: one of them may stand for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import replace

import pytest

from asymgen.lookup import Outcome, Packet, RoutingState
from asymgen.model import Family
from tests.lookup_worlds import SYSCTLS, local_routes, own_addresses, world

WORLDS = 60


@pytest.mark.parametrize("family", list(Family), ids=lambda family: f"ipv{family.value}")
@pytest.mark.parametrize("several_legs", [False, True])
def test_alike_addresses_have_the_same_answers(family: Family, *, several_legs: bool) -> None:
    seen: Counter[str] = Counter()
    for number in range(1, WORLDS + 1):
        made = world(family, number=number)
        routes = [route for route in made.routes if several_legs or len(route.nexthops) < 2]
        state = RoutingState(made.rules, [*local_routes(), *routes], made.links, sysctls=SYSCTLS)
        first: dict[Hashable, list[list[Outcome]]] = {}
        for source in own_addresses(family):
            answers = [_answer(state, replace(packet, source=source)) for packet in made.packets]
            likeness = state.likeness(source)
            seen["alike" if likeness in first else "told apart"] += 1
            assert first.setdefault(likeness, answers) == answers, f"world {number}: {source}"
    # With several legs, the kernel may prefer the leg of the source: such an address is told apart.
    assert seen["told apart"] > WORLDS
    assert seen["alike"] > WORLDS // 2


def _answer(state: RoutingState, packet: Packet) -> list[Outcome]:
    return [replace(outcome, source=None) for outcome in state.lookup(packet).outcomes]


def test_an_address_of_nobody_is_like_no_other() -> None:
    made = world(Family.IPV4, number=1)
    state = RoutingState(made.rules, local_routes(), made.links, sysctls=SYSCTLS)
    stranger = next(iter(own_addresses(Family.IPV4))) + 77
    assert state.likeness(stranger) == stranger
