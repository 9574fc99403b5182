"""A lowered plan as plain ip(8) commands: for a pipe into sh on a host without asymgen, and for JSON.

What is quoted here is quoted for sh, so every interface name can be carried, unlike in ``ip -batch``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from asymgen import templating
from asymgen.iproute2 import route_words, rule_words
from asymgen.model import GroupMember, Route, Rule, Sysctl


class KernelObjects(Protocol):
    """What commands can be written for: a lowered plan, or what one has left behind."""

    @property
    def rules(self) -> tuple[Rule, ...]: ...
    @property
    def routes(self) -> tuple[Route, ...]: ...
    @property
    def groups(self) -> tuple[GroupMember, ...]: ...
    @property
    def sysctls(self) -> tuple[Sysctl, ...]: ...


def _line(*words: str) -> str:
    return " ".join(templating.sh(word) for word in words)


def _rules(state: KernelObjects, verb: str, *, protocol: bool) -> Iterator[str]:
    for rule in state.rules:
        yield _line("ip", f"-{rule.family:d}", "rule", verb, *rule_words(rule, protocol=protocol))


def _routes(state: KernelObjects, verb: str) -> Iterator[str]:
    for route in state.routes:
        yield _line("ip", f"-{route.family:d}", "route", verb, *route_words(route))


def _groups(state: KernelObjects) -> Iterator[str]:
    for member in state.groups:
        yield _line("ip", "link", "set", "dev", member.interface, "group", str(member.group))


def ip_commands(state: KernelObjects, *, protocol: bool = True) -> tuple[str, ...]:
    """The plan as shell-quoted ``ip`` lines, in an order that is safe on a live host.

    Groups and routes come first: a rule whose table is empty, or whose guard does not know the
    other uplinks' interfaces, would send packets the wrong way for a moment.
    """
    return (*_groups(state), *_routes(state, "replace"), *_rules(state, "add", protocol=protocol))


def commands_script(state: KernelObjects, *, undo: bool, protocol: bool, stale: KernelObjects | None = None) -> str:
    """The plan (or its undoing) as a script for sh that can be run again and again.

    ``protocol`` is ``Capabilities.rule_protocol``; ``stale`` is what an earlier plan left in the kernel:
    it goes first. The script forgives only what is there already (undo:
    what is gone already), goes on after any other failure, and exits with 1 at the end.
    """
    lines = [] if stale is None else list(_undo_lines(stale, protocol=protocol))
    forgets = undo or bool(lines) or not protocol
    lines += _undo_lines(state, protocol=protocol) if undo else _do_lines(state, protocol=protocol)
    return templating.render("commands/commands.sh.j2", undo=undo, forgets=forgets, lines=tuple(lines))


def _do_lines(state: KernelObjects, *, protocol: bool) -> Iterable[str]:
    yield from (f"ensure {line}" for line in _groups(state))
    yield from (f"ensure {line}" for line in _routes(state, "replace"))
    removals = _rules(state, "del", protocol=protocol)
    for addition, removal in zip(_rules(state, "add", protocol=protocol), removals):
        if not protocol:
            # A kernel that old (before 4.8) takes the same rule twice instead of saying "File exists".
            yield f"forget {removal}"
        yield f"ensure {addition}"
    for sysctl in state.sysctls:
        yield _line("ensure", "setting", sysctl.value, f"/proc/sys/{sysctl.key}")


def _undo_lines(state: KernelObjects, *, protocol: bool) -> Iterable[str]:
    yield from (f"forget {line}" for line in _rules(state, "del", protocol=protocol))
    yield from (f"forget {line}" for line in _routes(state, "del"))
    for member in state.groups:
        yield _line("forget", "ungroup", member.interface, str(member.group))
    for sysctl in state.sysctls:
        yield _line("forget", "restore", sysctl.value, sysctl.before, f"/proc/sys/{sysctl.key}")
