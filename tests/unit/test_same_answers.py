"""Whichever backend is chosen: the same rules in the same order and the same routes, for every case.

That each backend brings what is lowered for it into a kernel is tested in tests/netns: by the scripts themselves,
by the real NetworkManager, and by the real systemd-networkd.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from asymgen.backends import BACKENDS
from asymgen.lowering import lower
from asymgen.model import Host, Kept, KernelState
from asymgen.parse import parse_host
from asymgen.planner import plan
from tests.case_files import CASES, Case, choices_of

WORKING = [case for case in CASES if not case.expect["nothing_to_do"]]
SYSTEMD = ("250", "252 (252.39-1~deb12u2)", "257.1")
"""Versions that know groups: with older ones the lowering is another, by design."""


def host_of(case: Case, systemd: str) -> Host:
    host = parse_host(case.snapshot)
    return replace(host, managers=replace(host.managers, installed={**host.managers.installed, "networkd": systemd}))


def rules_in_order(state: KernelState) -> list[str]:
    """As the kernel walks them, by family. networkd keeps no order within a priority, so there each rule whose
    place matters has a number of its own; its protocol is always "static". A jump leads to a place in this list."""
    walked = sorted(state.rules, key=lambda rule: (rule.family, rule.priority))
    places = {(rule.family, rule.priority): place for place, rule in reversed(list(enumerate(walked)))}
    return [
        str(replace(rule, priority=0, protocol=0, target=places.get((rule.family, rule.target or 0))))
        for rule in walked
    ]  # fmt: skip


@pytest.mark.parametrize("systemd", SYSTEMD)
@pytest.mark.parametrize("case", WORKING, ids=str)
def test_all_backends_say_the_same(case: Case, systemd: str) -> None:
    host = host_of(case, systemd)
    planned = plan(host, choices_of(case), Kept())
    states = {name: lower(planned, backend.capabilities(host)) for name, backend in BACKENDS.items()}
    wanted = states["sysv"]
    assert wanted.rules
    assert wanted.routes
    for name, state in states.items():
        assert rules_in_order(state) == rules_in_order(wanted), name
        assert state.routes == wanted.routes, name
        assert (state.groups, state.sysctls) == (wanted.groups, wanted.sysctls), name
        assert state.watched == wanted.watched, name
