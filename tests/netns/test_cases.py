"""Every case on a real kernel: load the host, load what asymgen wants, and ask the kernel.

The expected answers are those of ``expect.json``, worked out by hand from the promise, before and
after things appear that asymgen could not know of; and after the undoing nothing is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from asymgen.iproute2 import route_words, rule_words
from asymgen.lowering import lower
from asymgen.model import Capabilities, Kept, KernelState
from asymgen.parse import parse_host
from asymgen.planner import plan
from tests.case_files import CASES, Case, choices_of
from tests.host_loader import differences, loaded_host
from tests.ip_text import assert_text_says_the_same
from tests.namespaces import Namespace

pytestmark = pytest.mark.netns

QUALIFIERS = ("iif", "oif", "mark", "uid")
"""What a packet may have beside its source, in the words of ``ip route get``; ``iif`` is forwarded."""


def load_state(host: Namespace, state: KernelState) -> None:
    """Everything that asymgen wants: groups and settings first, rules last."""
    host.batch("\n".join(f"link set dev {member.interface} group {member.group}" for member in state.groups))
    for sysctl in state.sysctls:
        host.sysctl(sysctl.key, sysctl.value)
    for family in (4, 6):
        routes = [f"route replace {' '.join(route_words(route))}" for route in state.routes if route.family == family]
        rules = [f"rule add {' '.join(rule_words(rule))}" for rule in state.rules if rule.family == family]
        host.batch("\n".join([*routes, *rules]), family=family)


def undo_state(host: Namespace, state: KernelState) -> None:
    """The same words the other way round; ``sysctls`` as they were."""
    for family in (4, 6):
        rules = [f"rule del {' '.join(rule_words(rule))}" for rule in state.rules if rule.family == family]
        routes = [f"route del {' '.join(route_words(route))}" for route in state.routes if route.family == family]
        host.batch("\n".join([*rules, *routes]), family=family)
    host.batch("\n".join(f"link set dev {member.interface} group 0" for member in state.groups))
    for sysctl in state.sysctls:
        host.sysctl(sysctl.key, sysctl.before or "0")


def answer(host: Namespace, ask: dict[str, Any]) -> str:
    """What the kernel does with a packet that the host sends: ``DEV [via GATEWAY]``, or an error."""
    words = [ask["destination"], *(["from", ask["source"]] if ask["source"] else [])]
    words += [str(word) for key in QUALIFIERS if key in ask for word in (key, ask[key])]
    found = host.ip(f"-{ask['family']}", "-o", "route", "get", *words, check=False).split()
    if not found or found[0] in ("unreachable", "blackhole", "prohibit"):
        return "unreachable"
    via = f" via {found[found.index('via') + 1]}" if "via" in found else ""
    return found[found.index("dev") + 1] + via


def wrong_answers(host: Namespace, asks: Sequence[dict[str, Any]]) -> list[str]:
    """One line for each ask that the kernel answers differently."""
    wrong = []
    for ask in asks:
        wanted = (ask["dev"] or "unreachable") + (f" via {ask['via']}" if ask["via"] else "")
        got = answer(host, ask)
        if got != wanted:
            extra = "".join(f" {key} {ask[key]}" for key in QUALIFIERS if key in ask)
            line = f"{ask['source']} -> {ask['destination']}{extra}: {got}, wanted {wanted} ({ask['reason']})"
            wrong.append(line)
    return wrong


@pytest.mark.parametrize("case", CASES, ids=str)
def test_kernel_keeps_the_promise(case: Case) -> None:
    state = lower(plan(parse_host(case.snapshot), choices_of(case), Kept()), Capabilities())
    with loaded_host(case.snapshot) as host:
        load_state(host, state)
        wrong = wrong_answers(host, case.expect["asks"])
        for later in case.expect["later"]:
            host.run("sh", "-ec", "\n".join(later["commands"]))
            wrong += [f"after {later['title']}: {line}" for line in wrong_answers(host, later["asks"])]
        rules = host.ip("-4", "rule").splitlines() + host.ip("-6", "rule").splitlines()
    assert not wrong, "\n".join([*wrong, "", *rules])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_undoing_leaves_nothing(case: Case) -> None:
    state = lower(plan(parse_host(case.snapshot), choices_of(case), Kept()), Capabilities())
    with loaded_host(case.snapshot) as host:
        load_state(host, state)
        assert bool(differences(host, case.snapshot)) is not case.expect["nothing_to_do"]
        assert_text_says_the_same(host)  # here, for the namespace holds a host and all that asymgen writes
        undo_state(host, state)
        assert differences(host, case.snapshot) == []
