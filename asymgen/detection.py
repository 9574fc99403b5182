"""One host, looked at whole: the plan, what is wrong, which backends write which files. Pure.

This is what ``asymgen detect`` shows, and what the other commands start from.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

from asymgen.backends import BACKENDS, choose, shared_files, shell
from asymgen.diagnosis import find_both
from asymgen.lowering import lower
from asymgen.model import (
    Capabilities,
    Choices,
    Host,
    Kept,
    KernelState,
    ManagedInterface,
    Placement,
    Plan,
    Range,
    RenderedFile,
    Sibling,
)
from asymgen.numbers import PRIORITIES_EACH
from asymgen.planfile import render_plan
from asymgen.planner import plan as make_plan
from asymgen.problems import Problem, Problems
from asymgen.records import record
from asymgen.rivals import find_rivals
from asymgen.settings import same_subnet

BONDING_NOTE = (
    "two interfaces on one subnet: if they lead to the same switch, bonding them (one address, both links) "
    "is the simpler way to use both"
)


@record
class BackendUse:
    """Which interfaces a backend configures, and why it was chosen for them."""

    name: str
    interfaces: tuple[str, ...]
    why: str


@record
class Detection:
    """Everything there is to say about a host. ``remaining`` are answers that the plan cannot mend."""

    host: Host
    plan: Plan
    state: KernelState
    backends: tuple[BackendUse, ...]
    problems: Problems
    remaining: Problems
    files: tuple[RenderedFile, ...]
    notes: tuple[str, ...]


def detect(host: Host, choices: Choices, kept: Kept, *, placement: Placement = Placement.ADMIN) -> Detection:
    """Plan for ``host``, lower the plan for each interface's backend and render its files for ``placement``.

    Raises UnsupportedError where no backend fits or an interface's name cannot be written.
    """
    host = _with_network_files(host, choices.network_files)
    plan = make_plan(host, choices, kept)
    if plan.nothing_to_do:
        # What was given or numbered once outlives an uplink that is away for the moment.
        lasting = (render_plan(plan),) if kept.numbers or kept.gateways else ()
        return Detection(host, plan, KernelState((), (), ()), (), Problems(), Problems(), lasting, plan.notes)
    uses = _choose_backends(host, plan, choices.backends)
    states = {
        use.name: _state_for(plan, _capabilities(host, use, uses), use, uses=uses, placement=placement) for use in uses
    }
    state = _joined(plan, states.values())
    rendered = [file for name, part in states.items() for file in BACKENDS[name].render(part, host, placement)]
    # Each backend renders the shared files for its own part; the host's hold all parts.
    files = {file.path: file for file in (*rendered, *shared_files.render(state, host, placement))}
    problems, remaining = find_both(host, plan, state)
    return Detection(
        host, plan, state, uses, problems, remaining,
        (*files.values(), render_plan(plan)), (*_notes(plan, state, remaining), *map(str, find_rivals(host))),
    )  # fmt: skip


def _with_network_files(host: Host, names: Mapping[str, str]) -> Host:
    """``--network-file IF=NAME`` says that systemd-networkd configures IF, by the .network file NAME."""
    interfaces = dict(host.managers.interfaces)
    for interface, name in names.items():
        known = interfaces.get(interface, ManagedInterface("networkd"))
        interfaces[interface] = replace(known, manager="networkd", file=name)
    return replace(host, managers=replace(host.managers, interfaces=interfaces))


def _capabilities(host: Host, use: BackendUse, uses: Iterable[BackendUse]) -> Capabilities:
    """What ``use`` can express; by group only where every other backend sets its interfaces' groups."""
    every = [BACKENDS[each.name].capabilities(host).suppress_ifgroup for each in uses]
    return replace(BACKENDS[use.name].capabilities(host), suppress_ifgroup=all(every))


def _choose_backends(host: Host, plan: Plan, asked: Mapping[str, str]) -> tuple[BackendUse, ...]:
    chosen: dict[str, tuple[list[str], dict[str, str]]] = {}
    working = dict.fromkeys(uplink.interface for uplink in plan.uplinks if uplink.family in plan.active)
    for interface in working:
        backend, reason = choose(host, interface, asked)
        interfaces, reasons = chosen.setdefault(backend.NAME, ([], {}))
        interfaces.append(interface)
        managed = host.managers.interfaces.get(interface)
        reasons.setdefault(managed.manager if managed else "", reason.why)  # one for each manager says enough
    return tuple(
        BackendUse(name, tuple(interfaces), "; ".join(dict.fromkeys(reasons.values())))
        for name, (interfaces, reasons) in chosen.items()
    )


def _state_for(
    plan: Plan, capabilities: Capabilities, use: BackendUse, *, uses: Iterable[BackendUse], placement: Placement
) -> KernelState:
    """The part of the lowered plan that ``use`` writes."""
    whole = lower(plan, capabilities)
    elsewhere = {interface for other in uses if other is not use for interface in other.interfaces}
    part = KernelState(
        tuple(state for state in whole.uplinks if state.uplink.interface in use.interfaces),
        whole.groups,
        tuple(setting for setting in whole.sysctls if setting.interface in use.interfaces),
        whole.notes,
        _siblings(whole, elsewhere),
        whole.watch,
        whole.watched,
        whole.watch_routes,
    )
    return replace(part, followed=shell.followed(part, capabilities, BACKENDS[use.name].follower(placement)))


def _siblings(whole: KernelState, elsewhere: Container[str]) -> tuple[Sibling, ...]:
    uplinks = [each.uplink for each in whole.uplinks if each.uplink.interface in elsewhere]
    numbers = dict.fromkeys((uplink.priority, uplink.table) for uplink in uplinks)
    return tuple(Sibling(Range(first, first + PRIORITIES_EACH - 1), table) for first, table in numbers)


def _joined(plan: Plan, parts: Iterable[KernelState]) -> KernelState:
    """All parts as one state, in the plan's order of uplinks."""
    parts = tuple(parts)
    order = {(up.interface, up.family, up.table): place for place, up in enumerate(plan.uplinks)}
    states = [state for part in parts for state in part.uplinks]
    states.sort(key=lambda state: order[state.uplink.interface, state.uplink.family, state.uplink.table])
    return KernelState(
        tuple(states),
        tuple(dict.fromkeys(member for part in parts for member in part.groups)),
        tuple(setting for part in parts for setting in part.sysctls),
        tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        watch=parts[0].watch, watched=parts[0].watched, watch_routes=parts[0].watch_routes,
        followed=tuple(dict.fromkeys(each for part in parts for each in part.followed)),
    )  # fmt: skip


def _notes(plan: Plan, state: KernelState, remaining: Iterable[Problem]) -> tuple[str, ...]:
    notes = [*plan.notes, *state.notes]
    if same_subnet(plan.uplinks):
        notes.append(BONDING_NOTE)
    notes += [
        f"not mended: answers from {problem.source} to {problem.destination} leave by {problem.actual} instead of "
        f"{problem.expected}; a rule or route of somebody else decides before ours"
        for problem in remaining
    ]
    return tuple(dict.fromkeys(notes))
